"""Boosted networks beside one network, one as large as all of them, and a bag of them.

    python benchmarks/boosting.py data/components [--hidden 512 256 --members 5 --seeds 5]

The folder is that of a project in which `dvc repro` has run. Each system is trained with every
setting of `GRID` and `seeds` seeds; the setting with the best mean validation accuracy is shown,
and it alone meets the test pictures. Accuracy is hit@1 in percent, mean and standard deviation over
the seeds. A difference is the row's test accuracy less the column's, in points, with its 95 %
bootstrap interval over the test pictures, each picture's hits being averaged over the seeds. Prints
a Markdown table.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from itertools import count, pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
from hardware import described
from sklearn.base import clone

from pipeline.artifacts.images import one_hot
from pipeline.classifiers.boosting import RULES, BoostedClassifier
from pipeline.classifiers.network import NetworkClassifier
from pipeline.classifiers.perceptrons import PerceptronClassifier
from pipeline.core.parquet import Shards, from_column
from pipeline.measure.intervals import bootstrap_interval

GRID = [
    {"learning_rate": rate, "init": init, "epochs": epochs}
    for rate, init, epochs in product((0.01, 0.03, 0.1, 0.3), ("normal", "he"), (10, 30))
]
CONTROLS = ("one network", "one as large", "bagging")


@dataclass(frozen=True)
class Split:
    X: np.ndarray  # (N, K) float32
    targets: np.ndarray  # (N, C) of 0 and 1

    def labels(self, multilabel: bool) -> np.ndarray:
        return self.targets if multilabel else self.targets.argmax(1)

    def hits(self, estimators: list[NetworkClassifier]) -> np.ndarray:
        """(len(estimators), N) of 0 and 1: whether the top class is (one of) the picture's."""
        tops = [estimator.predict_proba(self.X).argmax(1) for estimator in estimators]
        return np.stack([self.targets[np.arange(len(top)), top] for top in tops])


@dataclass(frozen=True)
class Trained:
    setting: dict[str, Any]
    estimators: list[NetworkClassifier]  # one per seed
    validation: float  # accuracy


def read(folder: Path) -> dict[str, Split]:
    components = Shards(folder)
    table = components.read(["labels", "split", "components"])
    targets = one_hot(table["labels"].to_pylist(), components.metadata["classes"])
    X, split = from_column(table["components"]), table["split"].to_numpy()
    return {
        part: Split(X[split == part], targets[split == part])
        for part in ("train", "validation", "test")
    }


def widened(hidden: list[int], n_in: int, n_out: int, *, members: int) -> list[int]:
    """The least hidden layers, proportioned as `hidden`, with the parameters of `members` such."""

    def parameters(layers: list[int]) -> int:
        return sum((fan_in + 1) * units for fan_in, units in pairwise([n_in, *layers, n_out]))

    scaled = ([u * width // hidden[-1] for u in hidden] for width in count(hidden[-1]))
    return next(layers for layers in scaled if parameters(layers) >= members * parameters(hidden))


def best(system: NetworkClassifier, splits: dict[str, Split], *, seeds: int) -> Trained:
    """`system` with the setting of the best validation accuracy, of equal ones the first."""
    chosen = None
    multilabel = bool((splits["train"].targets.sum(1) != 1).any())
    for setting in GRID:
        fitted = [clone(system).set_params(**setting, random_state=s) for s in range(seeds)]
        try:
            for estimator in fitted:
                estimator.fit(splits["train"].X, splits["train"].labels(multilabel))
        except FloatingPointError:  # it diverged
            continue
        validation = float(splits["validation"].hits(fitted).mean())
        if chosen is None or validation > chosen.validation:
            chosen = Trained(setting, fitted, validation)
    if chosen is None:
        raise SystemExit(f"{system} diverged with every setting")
    return chosen


def difference(hits: np.ndarray, others: np.ndarray) -> str:
    each = 100 * (hits.mean(0) - others.mean(0))
    low, high = bootstrap_interval(each, resamples=10_000, rng=np.random.default_rng(0))
    return f"{each.mean():+.1f} ({low:+.1f} to {high:+.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("components", type=Path)
    parser.add_argument("--hidden", type=int, nargs="+", default=[512, 256])
    parser.add_argument("--members", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    splits = read(given.components)
    sizes = splits["train"].X.shape[1], splits["train"].targets.shape[1]
    wide = widened(given.hidden, *sizes, members=given.members)
    systems: dict[str, NetworkClassifier] = {
        "one network": PerceptronClassifier(given.hidden, init="normal"),
        "one as large": PerceptronClassifier(wide, init="normal"),
    } | {rule: BoostedClassifier(given.hidden, rule=rule, members=given.members) for rule in RULES}
    trained = {name: best(system, splits, seeds=given.seeds) for name, system in systems.items()}
    hits = {name: splits["test"].hits(t.estimators) for name, t in trained.items()}

    pictures = ", ".join(f"{len(split.X)} {part}" for part, split in splits.items())
    print(
        f"{pictures} pictures, {sizes[0]} components, {sizes[1]} classes; hidden {given.hidden}, "
        f"{given.members} members, large network {wide}; {given.seeds} seeds; "
        f"{described('numpy')}; 1 BLAS thread\n"
    )
    columns = ["learning rate, init, epochs", "parameters", "test", "validation", "seconds"]
    columns += [f"less {name}" for name in CONTROLS]
    print(f"| | {' | '.join(columns)} |")
    print("|---" * (len(columns) + 1) + "|")
    for name, t in trained.items():
        accuracies = 100 * hits[name].mean(1)
        arrays = t.estimators[0].state_dict().values()
        row = [
            ", ".join("He" if value is None else str(value) for value in t.setting.values()),
            f"{sum(a.size for a in arrays):,}",
            f"{accuracies.mean():.1f} ± {accuracies.std(ddof=1):.1f}",
            f"{100 * t.validation:.1f}",
            f"{np.mean([estimator.seconds_ for estimator in t.estimators]):.1f}",
        ]
        row += ["" if c == name else difference(hits[name], hits[c]) for c in CONTROLS]
        print(f"| {name} | {' | '.join(row)} |")


if __name__ == "__main__":
    main()

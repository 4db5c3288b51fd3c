"""Runs of params.yaml against twenty lines of scikit-learn, under splits by picture and by artist.

    python benchmarks/reference.py [--seeds 5] [--runs logistic snn …]

In a project after `dvc repro` with `features.layers: auto`. Each seed draws a split anew each way;
the reference is a logistic regression of the mean of the last map, C chosen on validation. Of every
split the layers are chosen, scaled and projected anew, by what is not test alone. Prints a table in
Markdown: mean test accuracy, and the difference from the reference with its 95 % interval over the
splits (Nadeau & Bengio 2003).
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from hardware import described
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from pipeline.artifacts import images
from pipeline.artifacts.images import labelled, one_hot
from pipeline.artifacts.vectors import VECTORS, VectorStore, places
from pipeline.classifiers.folds import assign_folds
from pipeline.classifiers.inputs import Dataset
from pipeline.classifiers.runs import train
from pipeline.core.parquet import Shards, shard_ids
from pipeline.layers.probe import Probe
from pipeline.layers.stage import FOLDS, SAMPLE
from pipeline.layers.together import Together, equal_scales
from pipeline.measure.accuracy import hit_at_1
from pipeline.measure.intervals import resampled_interval
from pipeline.measure.splitting import assign_splits
from pipeline.params import load_params

Array = NDArray[np.float32]


def reference(x: Array, y: NDArray[np.int64], parts: dict[str, NDArray[np.bool_]]) -> float:
    """The twenty lines."""
    training, validation, test = parts["train"], parts["validation"], parts["test"]
    scaler = StandardScaler().fit(x[training])
    x = scaler.transform(x)
    best, chosen = -1.0, None
    for C in 10.0 ** np.arange(-4, 2):
        model = LogisticRegression(C=C, max_iter=2000).fit(x[training], y[training])
        accuracy = model.score(x[validation], y[validation])
        if accuracy > best:
            best, chosen = accuracy, model
    return float(chosen.score(x[test], y[test]))


class Pictures:
    """Vectors (N, D) of layers of `widths` of every picture, with labels and artists."""

    def __init__(self, vectors: NDArray[np.float16], widths: dict[str, int]) -> None:
        pictures = Shards(images.PATH)
        self.vectors, self.widths = vectors, widths
        table, self.classes, _ = labelled(pictures, beside=VECTORS, count=len(self.vectors))
        names = table["labels"].to_pylist()
        self.labels = [tuple(row) for row in names]
        self.artists = [a or f"unknown {i}" for i, a in enumerate(table["artist"].to_pylist())]
        self.targets = one_hot(names, self.classes)

    def layer(self, name: str) -> Array:
        return self.vectors[:, dict(places(self.widths))[name]].astype(np.float32)

    def split(self, way: str, seed: int, shares: dict[str, float]) -> dict[str, NDArray[np.bool_]]:
        artists = self.artists if way == "artist" else None
        rng = np.random.default_rng(seed)
        drawn = np.array(
            assign_splits(self.labels, artists, [None] * len(self.labels), **shares, rng=rng)
        )
        return {part: drawn == part for part in ("train", "validation", "test")}

    def chosen(
        self, way: str, seed: int, parts: dict[str, NDArray[np.bool_]]
    ) -> tuple[list[str], Array]:
        """As the stage `layers` does."""
        seen = np.flatnonzero(~parts["test"])
        rng = np.random.default_rng(seed)
        drawn = np.sort(rng.choice(seen, min(SAMPLE, len(seen)), replace=False))
        probe = Probe.of(
            {name: self.layer(name)[drawn] for name in self.widths}, self.targets[drawn]
        )
        artists = [self.artists[i] for i in drawn] if way == "artist" else None
        folds = assign_folds([self.labels[i] for i in drawn], artists, folds=FOLDS, seed=seed)
        names = probe.choose(folds)
        scales = equal_scales([self.vectors[parts["train"]]], self.widths)
        together = Together(self.widths, {name: scales[name] for name in names})
        return names, together(self.vectors).astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--runs", nargs="+")
    options = parser.parse_args()
    params = load_params()
    runs = {
        name: run
        for name, run in params.classifiers.items()
        if run.input != "pixels" and (not options.runs or name in options.runs)
    }
    shares = {"validation": params.ingest.split.validation, "test": params.ingest.split.test}
    store = VectorStore.open(VECTORS)
    blocks = [store.read(shard_ids(path)) for path in Shards(images.PATH).paths]
    pictures = Pictures(np.concatenate(blocks), store.widths)
    y = pictures.targets.argmax(1)
    print(f"{described('scikit-learn')}\n")
    for way in ("picture", "artist"):
        found: dict[str, list[float]] = {}
        taken: list[str] = []
        for seed in range(options.seeds):
            parts = pictures.split(way, seed, shares)
            names, features = pictures.chosen(way, seed, parts)
            taken.append(f"{names[0]} to {names[-1]}")
            last = pictures.layer("last")
            inputs = {"features": features}
            for key, vectors in (("components", features), ("published", last)):
                count = min(100, parts["train"].sum() - 1)
                pca = PCA(count, svd_solver="full").fit(vectors[parts["train"]])
                inputs[key] = pca.transform(vectors).astype(np.float32)
            found.setdefault("reference: mean of the last map", []).append(
                reference(last, y, parts)
            )
            for name, run in runs.items():
                for label, vectors in (
                    (name, inputs[run.input]),
                    (f"{name} on the last map, PCA 100", inputs["published"]),
                ):
                    data = Dataset(vectors, pictures.targets, multilabel=False, image_shape=None)
                    trained = train(run, data[parts["train"]], data[parts["validation"]], seed=seed)
                    scores = trained.scores(vectors[parts["test"]])
                    found.setdefault(label, []).append(
                        hit_at_1(scores, pictures.targets[parts["test"]])
                    )
        print(f"by {way}; layers taken: {', '.join(taken)}\n")
        print("| run | test accuracy | difference from the reference |\n|---|---|---|")
        base = np.array(next(iter(found.values())))
        ratio = parts["test"].sum() / parts["train"].sum()
        for label, accuracies in found.items():
            low, high = resampled_interval(np.array(accuracies) - base, ratio=ratio)
            print(
                f"| {label} | {np.mean(accuracies):.3f} | {100 * (accuracies - base).mean():+.1f} "
                f"({100 * low:+.1f} to {100 * high:+.1f}) |"
            )
        print()


if __name__ == "__main__":
    main()

"""Stage evaluate: predictions, histories -> reports/metrics.json and the tables of scores."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.artifacts import images, scores
from pipeline.artifacts.histories import history_path, read_history
from pipeline.artifacts.predictions import (
    Predictions,
    read_folds,
    read_predictions,
    scores_path,
)
from pipeline.core.console import counted
from pipeline.core.files import replacing
from pipeline.core.parquet import Shards
from pipeline.core.tables import write_csv
from pipeline.evaluate.metrics import (
    FALSE_POSITIVE_RATES,
    across_folds,
    by_threshold,
    confusion,
    per_class,
    roc,
    summarize,
)
from pipeline.evaluate.params import Evaluate


@dataclass(frozen=True)
class Tables:
    """What is known of the runs so far: rows or tables of each file."""

    scores: dict[str, dict[str, float]] = field(default_factory=dict)  # by run
    curves: list[pd.DataFrame] = field(default_factory=list)
    classes: list[pd.DataFrame] = field(default_factory=list)
    thresholds: list[pd.DataFrame] = field(default_factory=list)
    roc: list[tuple[Any, ...]] = field(default_factory=list)
    folds: list[tuple[Any, ...]] = field(default_factory=list)

    def write(self) -> None:
        """Each file, whole or not at all."""
        scores.write_scores(self.scores)
        write_csv(scores.CURVES, pd.concat(self.curves))
        write_csv(scores.PER_CLASS, pd.concat(self.classes))
        write_csv(scores.THRESHOLDS, pd.concat(self.thresholds))
        write_csv(scores.ROC, pd.DataFrame(self.roc, columns=scores.ROC_COLUMNS).round(4))
        write_csv(scores.FOLDS, pd.DataFrame(self.folds, columns=scores.FOLD_COLUMNS))


def evaluate(params: Evaluate, thresholds: Mapping[str, float], *, stacks: Collection[str]) -> str:
    """Score each run of `thresholds` on the test pictures; returns how many of both."""
    artists = images.held_out_artists(Shards(images.PATH))
    tables = Tables()
    with replacing(scores.CONFUSION) as confusions:
        confusions.mkdir()
        for name, threshold in thresholds.items():
            path = scores_path(name, stacks=stacks)
            test = read_predictions(path, split="test")
            summary = summarize(
                test,
                threshold=threshold,
                bootstrap=params.bootstrap,
                rng=np.random.default_rng(params.seed),
                artists=[artists[i] for i in test.image_ids] if artists else None,
            )
            validation = read_predictions(path, split="validation").hits.mean()
            summary["validation_accuracy"] = round(float(validation), 4)
            tables.scores[name] = summary
            add_folds(tables, name, path, threshold)
            add_classes(tables, name, test, threshold)
            if name not in stacks:
                tables.curves.append(mean_history(name, read_history(history_path(name))))
            pairs = pd.DataFrame(confusion(test), columns=scores.CONFUSION_COLUMNS)
            write_csv(scores.confusion_path(name, confusions), pairs)
    tables.write()
    scores.write_all_checksums(thresholds)
    pictures = counted(len(test.image_ids), "test picture")
    return f"evaluate: {counted(len(tables.scores), 'run')} scored on {pictures}"


def add_folds(tables: Tables, name: str, path: Path, threshold: float) -> None:
    """Scores over the folds of a run's cross-validation, where there is one."""
    if parts := read_folds(path):
        values = across_folds(parts, threshold=threshold)
        pictures = sum(len(part.image_ids) for part in parts)
        tables.folds.extend((name, of, *pair, len(parts), pictures) for of, pair in values.items())
        mean, deviation = values["accuracy"]
        tables.scores[name] |= {"fold_accuracy": mean, "fold_accuracy_sd": deviation}


def add_classes(tables: Tables, name: str, test: Predictions, threshold: float) -> None:
    """Scores of each class: at the run's threshold, at others, and its ROC curve."""

    def with_names(found: dict[str, Any]) -> pd.DataFrame:
        return pd.DataFrame({"run": name, "class": test.classes, **found})

    tables.classes.append(with_names(per_class(test, threshold=threshold)))
    tables.thresholds.extend(
        with_names({"threshold": value, **found}) for value, found in by_threshold(test)
    )
    tables.roc.extend(
        (name, label, area, *point)
        for label, (area, rates) in roc(test).items()
        for point in zip(FALSE_POSITIVE_RATES, rates, strict=True)
    )


def mean_history(name: str, history: pd.DataFrame) -> pd.DataFrame:
    """Columns run, epoch, loss, accuracy, validation_accuracy: means over the repeats.

    With early stopping, as far as all repeats went: a mean over some would be of another kind.
    """
    shortest = history.groupby("repeat")["epoch"].max().min()
    common = history[history["epoch"] <= shortest]
    epochs = common.groupby("epoch")[scores.CURVE_COLUMNS]
    means: pd.DataFrame = epochs.mean().round(6).reset_index()
    means.insert(0, "run", name)
    return means

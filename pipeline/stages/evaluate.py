"""Stage evaluate: artists, predictions, histories -> metrics, curves, per_class, confusion, …."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.accuracy import hits
from pipeline.console import counted, run
from pipeline.metrics import (
    FALSE_POSITIVE_RATES,
    across_folds,
    by_threshold,
    confusion,
    per_class,
    roc,
    summarize,
)
from pipeline.params import load_params
from pipeline.predictions import Predictions, read_folds, read_predictions
from pipeline.tables import Shards, read_csv, replacing

CURVES = ["loss", "accuracy", "validation_accuracy"]
FOLDS = ["run", "metric", "mean", "sd", "folds"]
ROC = ["run", "class", "auc", "false_positive_rate", "true_positive_rate"]


def mean_history(name: str, history: pd.DataFrame) -> pd.DataFrame:
    """Columns run, epoch, loss, accuracy, validation_accuracy: means over the repeats.

    With early stopping, as far as all repeats went: a mean over some would be of another kind.
    """
    shortest = history.groupby("repeat")["epoch"].max().min()
    common = history[history["epoch"] <= shortest]
    means: pd.DataFrame = common.groupby("epoch")[CURVES].mean().round(6).reset_index()
    means.insert(0, "run", name)
    return means


def held_out_artists(images: Shards) -> dict[str, str] | None:
    """image_id -> artist, where no artist is on two sides of the split; else None."""
    if not images.metadata["artists_apart"]:
        return None
    table = images.read(["image_id", "artist"])
    return dict(zip(table["image_id"].to_pylist(), table["artist"].to_pylist(), strict=True))


def class_scores(name: str, test: Predictions, scores: dict[str, Any]) -> pd.DataFrame:
    """Columns run, class and those of `scores`, (C,) each."""
    return pd.DataFrame({"run": name, "class": test.classes, **scores})


def main() -> None:
    images_dir, predictions_dir, stacked_dir, history_dir, *outputs = map(Path, sys.argv[1:])
    metrics_file, curves_file, classes_file, thresholds_file, *outputs = outputs
    roc_file, folds_file, confusion_dir = outputs
    params = load_params()
    artists = held_out_artists(Shards(images_dir))
    metrics: dict[str, dict[str, float]] = {}
    curves, classes, thresholds, roc_points, folds = [], [], [], [], []
    with replacing(confusion_dir) as confusions:
        confusions.mkdir()
        for name, threshold in params.thresholds.items():
            folder = stacked_dir if name in params.stacks else predictions_dir
            path = folder / f"{name}.parquet"
            test = read_predictions(path, split="test")
            metrics[name] = summarize(
                test,
                threshold=threshold,
                bootstrap=params.evaluate.bootstrap,
                rng=np.random.default_rng(params.evaluate.seed),
                artists=[artists[i] for i in test.image_ids] if artists else None,
            )
            validation = hits(read_predictions(path, split="validation")).mean()
            metrics[name]["validation_accuracy"] = round(float(validation), 4)
            if parts := read_folds(path):
                values = across_folds(parts, threshold=threshold)
                folds += [(name, metric, *pair, len(parts)) for metric, pair in values.items()]
                metrics[name]["fold_accuracy"], metrics[name]["fold_accuracy_sd"] = values[
                    "accuracy"
                ]
            classes.append(class_scores(name, test, per_class(test, threshold=threshold)))
            thresholds += [
                class_scores(name, test, {"threshold": value, **scores})
                for value, scores in by_threshold(test)
            ]
            roc_points += [
                (name, label, area, *point)
                for label, (area, rates) in roc(test).items()
                for point in zip(FALSE_POSITIVE_RATES, rates, strict=True)
            ]
            if name not in params.stacks:
                curves.append(mean_history(name, read_csv(history_dir / f"{name}.csv")))
            pairs = pd.DataFrame(confusion(test), columns=["actual", "predicted"])
            pairs.to_csv(confusions / f"{name}.csv", index=False)
    for file, table in (
        (curves_file, pd.concat(curves)),
        (classes_file, pd.concat(classes)),
        (thresholds_file, pd.concat(thresholds)),
        (roc_file, pd.DataFrame(roc_points, columns=ROC).round(4)),
        (folds_file, pd.DataFrame(folds, columns=FOLDS)),
    ):
        with replacing(file) as temporary:
            table.to_csv(temporary, index=False)
    with replacing(metrics_file) as temporary:
        temporary.write_text(json.dumps(metrics, indent=2) + "\n")
    pictures = counted(len(test.image_ids), "test picture")
    print(f"evaluate: {counted(len(metrics), 'run')} scored on {pictures}")


if __name__ == "__main__":
    run(main)

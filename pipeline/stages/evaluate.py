"""Stage evaluate: artists, predictions, histories -> metrics, curves, per_class, confusion."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.console import run
from pipeline.metrics import confusion, hits, per_class, summarize
from pipeline.params import load_params
from pipeline.predictions import read_predictions
from pipeline.tables import Shards, read_csv, replacing


def mean_history(name: str, history: pd.DataFrame) -> pd.DataFrame:
    """Columns run, epoch, loss, accuracy, validation_accuracy: means over the repeats.

    With early stopping, as far as all repeats went: a mean over some would be of another kind.
    """
    shortest = history.groupby("repeat")["epoch"].max().min()
    columns = ["loss", "accuracy", "validation_accuracy"]
    common = history[history["epoch"] <= shortest]
    means: pd.DataFrame = common.groupby("epoch")[columns].mean().round(6).reset_index()
    means.insert(0, "run", name)
    return means


def held_out_artists(images: Shards) -> dict[str, str] | None:
    """image_id -> artist, where no artist is on two sides of the split; else None."""
    if not images.metadata["artists_apart"]:
        return None
    table = images.read(["image_id", "artist"])
    return dict(zip(table["image_id"].to_pylist(), table["artist"].to_pylist(), strict=True))


def main() -> None:
    images_dir, predictions_dir, history_dir, *outputs = map(Path, sys.argv[1:])
    metrics_file, curves_file, per_class_file, confusion_dir = outputs
    params = load_params()
    artists = held_out_artists(Shards(images_dir))
    metrics, curves, classes = {}, [], []
    with replacing(confusion_dir) as confusions:
        confusions.mkdir()
        for name, entry in params.classifiers.items():
            path = predictions_dir / f"{name}.parquet"
            test = read_predictions(path, split="test")
            metrics[name] = summarize(
                test,
                threshold=entry.threshold,
                bootstrap=params.evaluate.bootstrap,
                rng=np.random.default_rng(params.evaluate.seed),
                artists=[artists[i] for i in test.image_ids] if artists else None,
            )
            validation = hits(read_predictions(path, split="validation")).mean()
            metrics[name]["validation_accuracy"] = round(float(validation), 4)
            table = {
                "run": name,
                "class": test.classes,
                **per_class(test, threshold=entry.threshold),
            }
            classes.append(pd.DataFrame(table))
            curves.append(mean_history(name, read_csv(history_dir / f"{name}.csv")))
            pairs = pd.DataFrame(confusion(test), columns=["actual", "predicted"])
            pairs.to_csv(confusions / f"{name}.csv", index=False)
    with replacing(curves_file) as temporary:
        pd.concat(curves).to_csv(temporary, index=False)
    with replacing(per_class_file) as temporary:
        pd.concat(classes).to_csv(temporary, index=False)
    with replacing(metrics_file) as temporary:
        temporary.write_text(json.dumps(metrics, indent=2) + "\n")
    print(f"evaluate: {len(metrics)} runs scored on {len(test.image_ids)} test pictures")


if __name__ == "__main__":
    run(main)

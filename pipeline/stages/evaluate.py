"""Stage evaluate: predictions and histories -> metrics, curves, per_class, confusion."""

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
from pipeline.tables import replacing


def mean_history(name: str, history: pd.DataFrame) -> pd.DataFrame:
    """Columns run, epoch, loss, accuracy, validation_accuracy: means over the repeats."""
    columns = ["loss", "accuracy", "validation_accuracy"]
    means = history.groupby("epoch")[columns].mean().round(6).reset_index()
    means.insert(0, "run", name)
    return means


def main() -> None:
    predictions_dir, history_dir, metrics_file, curves_file, per_class_file, confusion_dir = map(
        Path, sys.argv[1:]
    )
    params = load_params()
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
            )
            validation = hits(read_predictions(path, split="validation")).mean()
            metrics[name]["validation_accuracy"] = round(float(validation), 4)
            table = {
                "run": name,
                "class": test.classes,
                **per_class(test, threshold=entry.threshold),
            }
            classes.append(pd.DataFrame(table))
            past = pd.read_csv(history_dir / f"{name}.csv")
            curves.append(mean_history(name, past))
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

"""Stage evaluate: data/predictions -> reports/metrics.json, reports/per_class.csv, …"""

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


def main() -> None:
    predictions_dir, metrics_file, per_class_file, confusion_dir = map(Path, sys.argv[1:])
    params = load_params()
    metrics, classes = {}, []
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
            pairs = pd.DataFrame(confusion(test), columns=["actual", "predicted"])
            pairs.to_csv(confusions / f"{name}.csv", index=False)
    with replacing(per_class_file) as temporary:
        pd.concat(classes).to_csv(temporary, index=False)
    with replacing(metrics_file) as temporary:
        temporary.write_text(json.dumps(metrics, indent=2) + "\n")
    print(f"evaluate: {len(metrics)} runs scored on {len(test.image_ids)} test pictures")


if __name__ == "__main__":
    run(main)

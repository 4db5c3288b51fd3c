"""`reports/metrics.json`, `reports/*.csv`: scores, and what the page draws of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.files import read_csv, read_json

if TYPE_CHECKING:
    import pandas as pd

METRICS = Path("reports/metrics.json")  # of each run: accuracy, macro_f1, validation_accuracy
SCORES = Path("reports/scores.csv")  # all scores of each run
CURVES = Path("reports/curves.csv")
PER_CLASS = Path("reports/per_class.csv")
THRESHOLDS = Path("reports/thresholds.csv")
ROC = Path("reports/roc.csv")
FOLDS = Path("reports/folds.csv")
CONFUSION = Path("reports/confusion")


def confusion_path(run: str, folder: Path = CONFUSION) -> Path:
    """Columns actual, predicted: a row for each picture and repeat."""
    return folder / f"{run}.csv"


def read_metrics(path: Path = METRICS) -> dict[str, dict[str, float]]:
    """Run -> its scores. Errors: `UserError`."""
    metrics: dict[str, dict[str, float]] = read_json(path)
    return metrics


def read_scores(path: Path = SCORES) -> dict[str, dict[str, float]]:
    """Run -> its scores, without those that it lacks. Errors: `UserError`."""
    table = read_csv(path, dtype={"run": str}, na_values=[""]).set_index("run")
    return {
        str(run): {str(name): float(score) for name, score in row.dropna().items()}
        for run, row in table.iterrows()
    }


def read_table(path: Path) -> pd.DataFrame:
    """A table of runs or of their classes, whose names are text. Errors: `UserError`."""
    return read_csv(path, dtype={"run": str, "class": str})


def best_run(metrics: Mapping[str, Mapping[str, float]]) -> str:
    """The run with the highest validation accuracy; of equal ones the first."""
    return max(metrics, key=lambda name: metrics[name]["validation_accuracy"])

"""`reports/metrics.json`, `reports/scores.csv` and the tables beside it, `reports/confusion`: the
scores, and what the page draws of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.files import readable, write_checksums, write_json
from pipeline.core.tables import read_csv, write_csv

if TYPE_CHECKING:
    import pandas as pd

METRICS = Path("reports/metrics.json")  # of each run FEW of its scores
SCORES = Path("reports/scores.csv")  # all scores of each run
CURVES = Path("reports/curves.csv")  # run, epoch, CURVE_COLUMNS
PER_CLASS = Path("reports/per_class.csv")  # run, class, scores
THRESHOLDS = Path("reports/thresholds.csv")  # run, class, threshold, scores
ROC = Path("reports/roc.csv")  # ROC_COLUMNS
FOLDS = Path("reports/folds.csv")  # FOLD_COLUMNS
CONFUSION = Path("reports/confusion")
CHECKSUMS = Path("reports/scores.json")  # of the tables here
TABLES = (SCORES, CURVES, PER_CLASS, THRESHOLDS, ROC, FOLDS)
FEW = ("accuracy", "macro_f1", "validation_accuracy")
CURVE_COLUMNS = ["loss", "accuracy", "validation_accuracy"]
ROC_COLUMNS = ["run", "class", "auc", "false_positive_rate", "true_positive_rate"]
FOLD_COLUMNS = ["run", "metric", "mean", "sd", "folds", "pictures"]
CONFUSION_COLUMNS = ["actual", "predicted"]


def confusion_path(run: str, folder: Path = CONFUSION) -> Path:
    """CONFUSION_COLUMNS: a row for each picture and repeat."""
    return folder / f"{run}.csv"


def write_scores(scores: Mapping[str, Mapping[str, float]]) -> None:
    """Run -> its scores: all of them, and the FEW."""
    import pandas as pd

    write_csv(SCORES, pd.DataFrame(scores).T.rename_axis("run").reset_index())
    write_json(METRICS, {run: {name: of[name] for name in FEW} for run, of in scores.items()})


def write_all_checksums(runs: Iterable[str]) -> None:
    """Of all tables, which must be there, those of `runs` among them."""
    write_checksums(CHECKSUMS, [*TABLES, *map(confusion_path, runs)])


def read_metrics(path: Path = METRICS) -> dict[str, dict[str, float]]:
    """Run -> the FEW of its scores. Errors: `UserError`."""
    with readable(path):  # DVC reads it too, and takes a checksum for a metric
        metrics = json.loads(path.read_text("utf-8"))
        return {run: {name: float(of[name]) for name in FEW} for run, of in metrics.items()}


def read_scores() -> dict[str, dict[str, float]]:
    """Run -> its scores, without those that it lacks. Errors: `UserError`."""
    table = read_csv(SCORES, CHECKSUMS, dtype={"run": str}, na_values=[""]).set_index("run")
    return {
        str(run): {str(name): float(score) for name, score in row.dropna().items()}
        for run, row in table.iterrows()
    }


def read_confusion(run: str) -> pd.DataFrame:
    """CONFUSION_COLUMNS. Errors: `UserError`."""
    return read_csv(confusion_path(run), CHECKSUMS, dtype=str)


def read_table(path: Path) -> pd.DataFrame:
    """A table of runs or of their classes, whose names are text. Errors: `UserError`."""
    return read_csv(path, CHECKSUMS, dtype={"run": str, "class": str})


def best_run(metrics: Mapping[str, Mapping[str, float]]) -> str:
    """The run with the highest validation accuracy; of equal ones the first."""
    return max(metrics, key=lambda name: metrics[name]["validation_accuracy"])

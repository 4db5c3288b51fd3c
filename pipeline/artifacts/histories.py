"""`reports/history/RUN.csv`: the epochs of all repeats of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from pipeline.core.tables import read_csv, write_checked_csv
from pipeline.measure.accuracy import Epoch

FOLDER = Path("reports/history")
HISTORY = ["repeat", "epoch", "loss", "accuracy", "validation_accuracy", "member"]


def history_path(run: str) -> Path:
    """Of a classifier or a network on pixels; its checksum is in the .json beside it."""
    return FOLDER / f"{run}.csv"


def write_history(path: Path, histories: Sequence[Sequence[Epoch]]) -> None:
    """A row per repeat and epoch, columns as in HISTORY; no rows where there are no epochs."""
    rows = [
        {"repeat": repeat, **asdict(epoch)}
        for repeat, epochs in enumerate(histories)
        for epoch in epochs
    ]
    write_checked_csv(path, pd.DataFrame(rows, columns=HISTORY).round(6))


def read_history(path: Path) -> pd.DataFrame:
    """What `write_history` wrote. Errors: `UserError`."""
    return read_csv(path)

"""`reports/sweeps/NAME.csv`: a row per setting and seed."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from pipeline.core.tables import read_csv, write_checked_csv

COLUMNS = [
    "setting", "seed", "diverged", "loss",
    "accuracy", "validation_accuracy", "test_accuracy",
]  # fmt: skip


def sweep_path(name: str) -> Path:
    """Its checksum is in the .json beside it."""
    return Path("reports/sweeps") / f"{name}.csv"


def write_sweep(path: Path, sweep: pd.DataFrame) -> None:
    """sweep: as in COLUMNS."""
    write_checked_csv(path, sweep)


def read_sweep(path: Path) -> pd.DataFrame:
    """COLUMNS; the figures of what diverged are NaN. Errors: `UserError`."""
    return read_csv(path, dtype={"setting": str}, na_values=[""])


def best_setting(sweep: pd.DataFrame) -> tuple[str, float] | None:
    """The setting with the best validation accuracy, the mean over its seeds, and that accuracy.

    sweep: columns setting, seed, validation_accuracy, which is empty where a training diverged.
    None if all did.
    """
    means = sweep.groupby("setting", sort=False)["validation_accuracy"].mean().dropna()
    return None if means.empty else (str(means.idxmax()), float(means.max()))

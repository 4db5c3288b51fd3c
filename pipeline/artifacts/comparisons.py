"""`reports/comparisons/RUN.csv`: a row per split, by picture or artist, and draw."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from pipeline.core.tables import read_csv, write_checked_csv

COLUMNS = [
    "split", "draw", "train", "test", "artists", "known_artists",
    "accuracy", "accuracy_low", "accuracy_high",
]  # fmt: skip


def comparison_path(run: str) -> Path:
    """Its checksum is in the .json beside it."""
    return Path("reports/comparisons") / f"{run}.csv"


def write_comparison(run: str, draws: pd.DataFrame) -> None:
    """draws: as in COLUMNS; no rows where the pictures have no artists."""
    write_checked_csv(comparison_path(run), draws)


def read_comparison(run: str) -> pd.DataFrame:
    """What `write_comparison` wrote. Errors: `UserError`."""
    return read_csv(comparison_path(run))

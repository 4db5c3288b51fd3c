"""`reports/comparisons/RUN.csv`: a row per split, by picture or artist, and draw."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from pipeline.core.files import read_csv, write_checksums, write_csv

COLUMNS = [
    "split", "draw", "train", "test", "artists", "known_artists",
    "accuracy", "accuracy_low", "accuracy_high",
]  # fmt: skip


def comparison_path(run: str) -> Path:
    """Its checksum is in the .json beside it."""
    return Path("reports/comparisons") / f"{run}.csv"


def write_comparison(run: str, draws: pd.DataFrame) -> None:
    """draws: as in COLUMNS; no rows where the pictures have no artists."""
    path = comparison_path(run)
    write_csv(path, draws)
    write_checksums(path.with_suffix(".json"), [path])


def read_comparison(run: str) -> pd.DataFrame:
    """What `write_comparison` wrote. Errors: `UserError`."""
    path = comparison_path(run)
    return read_csv(path, path.with_suffix(".json"))

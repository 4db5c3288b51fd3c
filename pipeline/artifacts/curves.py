"""`reports/curve`: how the accuracy of a linear head grows with the number of training pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.files import replacing, write_checksums
from pipeline.core.tables import read_csv, write_csv

if TYPE_CHECKING:
    import pandas as pd

FOLDER = Path("reports/curve")
CHECKSUMS = Path("reports/curve.json")  # of the tables here
LINE = ["of", "pictures", "accuracy", "low", "high"]  # `of` is a class, or "" for all pictures
EXPECTED = [
    "of", "test", "times", "pictures", "now", "accuracy", "accuracy_low", "accuracy_high",
    "gain", "gain_low", "gain_high", "why",
]  # fmt: skip


def points_path(folder: Path = FOLDER) -> Path:
    """LINE: the mean, least and most over the draws at each size."""
    return folder / "points.csv"


def line_path(folder: Path = FOLDER) -> Path:
    """LINE: the fitted power law, with 95 % intervals."""
    return folder / "line.csv"


def expected_path(folder: Path = FOLDER) -> Path:
    """EXPECTED: with `times` as many pictures; test: how many test pictures tell it."""
    return folder / "expected.csv"


def write_curve(points: pd.DataFrame, line: pd.DataFrame, expected: pd.DataFrame) -> None:
    """The three tables."""
    with replacing(FOLDER) as folder:
        folder.mkdir()
        write_csv(points_path(folder), points[LINE].round(6))
        write_csv(line_path(folder), line[LINE].round(6))
        write_csv(expected_path(folder), expected[EXPECTED].round(6))
    write_checksums(CHECKSUMS, [points_path(), line_path(), expected_path()])


def read_points() -> pd.DataFrame:
    """LINE. Errors: `UserError`."""
    return read_csv(points_path(), CHECKSUMS, dtype={"of": str})


def read_line() -> pd.DataFrame:
    """LINE. Errors: `UserError`."""
    return read_csv(line_path(), CHECKSUMS, dtype={"of": str})


def read_expected() -> pd.DataFrame:
    """EXPECTED. Errors: `UserError`."""
    return read_csv(expected_path(), CHECKSUMS, dtype={"of": str, "why": str})

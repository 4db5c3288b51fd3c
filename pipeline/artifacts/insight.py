"""`reports/insight`: tables of what the scores say beyond themselves, which the page shows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from pipeline.core.checksums import file_checksum
from pipeline.core.files import write_checked_json
from pipeline.core.parquet import write_file
from pipeline.core.tables import read_csv, write_csv

if TYPE_CHECKING:
    import pandas as pd

FOLDER = Path("reports/insight")
CHECKSUMS = Path("reports/insight.json")  # of the tables here
DIFFERENCES = [
    "run", "other", "accuracy", "accuracy_low", "accuracy_high",
    "macro_f1", "macro_f1_low", "macro_f1_high", "only_run", "only_other", "p_value",
]  # fmt: skip
CHANGED = pa.schema({name: pa.string() for name in ("run", "other", "image_id", "right")})


def differences_path(folder: Path = FOLDER) -> Path:
    """DIFFERENCES: a row for each two runs, the first less the other."""
    return folder / "differences.csv"


def changed_path(folder: Path = FOLDER) -> Path:
    """CHANGED: the pictures that of two runs one alone has right."""
    return folder / "changed.parquet"


def write_differences(folder: Path, differences: pd.DataFrame, changed: pa.Table) -> None:
    """Both tables, below `folder`."""
    write_csv(differences_path(folder), differences)
    write_file(changed_path(folder), changed)


def write_checksums_of(folder: Path) -> None:
    """CHECKSUMS, of the CSV files in `folder`, which is to become FOLDER."""
    files = sorted(folder.glob("*.csv"))
    write_checked_json(CHECKSUMS, {f"{FOLDER.name}/{f.name}": file_checksum(f) for f in files})


def read_differences() -> pd.DataFrame:
    """DIFFERENCES. Errors: `UserError`."""
    return read_csv(differences_path(), CHECKSUMS, dtype={"run": str, "other": str})


def not_told_apart(differences: pd.DataFrame, run: str) -> list[str]:
    """The runs whose accuracy may be that of `run`: 0 is in the interval of the difference."""
    unclear = differences[(differences["accuracy_low"] <= 0) & (differences["accuracy_high"] >= 0)]
    pairs = unclear[["run", "other"]].itertuples(index=False)
    return [other if first == run else first for first, other in pairs if run in (first, other)]

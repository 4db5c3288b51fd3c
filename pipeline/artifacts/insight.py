"""`reports/insight`: tables of what the scores say beyond themselves, which the page shows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pipeline.core.checksums import file_checksum
from pipeline.core.files import read_json, write_checked_json
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
DOUBTS = ["image_id", "path", "split", "given", "suggested", "score"]
NOISE = ["given", "actual", "counted", "share", "of_given"]
CALIBRATION = [
    "run", "error", "error_low", "error_high", "log_loss",
    "temperature", "error_at_temperature", "log_loss_at_temperature",
]  # fmt: skip
RELIABILITY = ["run", "bin", "count", "confidence", "accuracy"]
CONFORMAL = ["run", "coverage", "coverage_low", "coverage_high", "size", "threshold"]
SHORTCUTS = ["cues", "accuracy", "above", "above_low", "above_high"]
COPIES = ["run", "accuracy", "without", "difference", "difference_low", "difference_high"]
CHANGED = pa.schema({name: pa.string() for name in ("run", "other", "image_id", "right")})


def differences_path(folder: Path = FOLDER) -> Path:
    """DIFFERENCES: a row for each two runs, the first less the other."""
    return folder / "differences.csv"


def changed_path(folder: Path = FOLDER) -> Path:
    """CHANGED: the pictures that of two runs one alone has right."""
    return folder / "changed.parquet"


def doubts_path(folder: Path = FOLDER) -> Path:
    """DOUBTS: labels that may be wrong, the surest first. Where a picture may have several, one to
    take away is suggested "" and one to add is given ""."""
    return folder / "doubts.csv"


def noise_path(folder: Path = FOLDER) -> Path:
    """NOISE: how often a class is given where another is the picture's."""
    return folder / "noise.csv"


def calibration_path(folder: Path = FOLDER) -> Path:
    """CALIBRATION: of each run on the test, as it is and at the temperature of validation."""
    return folder / "calibration.csv"


def reliability_path(folder: Path = FOLDER) -> Path:
    """RELIABILITY: of each run on the test, the bins of confidence that hold some."""
    return folder / "reliability.csv"


def conformal_path(folder: Path = FOLDER) -> Path:
    """CONFORMAL: of each run's sets of classes on the test; none where there may be several."""
    return folder / "conformal.csv"


def shortcuts_path(folder: Path = FOLDER) -> Path:
    """SHORTCUTS: what cues that see nothing of the pictures tell of their classes."""
    return folder / "shortcuts.csv"


def copies_path(folder: Path = FOLDER) -> Path:
    """COPIES: of each run the test accuracy without the pictures that have a near copy in training;
    none where there are none."""
    return folder / "copies.csv"


def summary_path(folder: Path = FOLDER) -> Path:
    """What was looked at, and how: a mapping for each kind of table."""
    return folder / "summary.json"


def write_differences(folder: Path, differences: pd.DataFrame, changed: pa.Table) -> None:
    """Both tables, below `folder`."""
    write_csv(differences_path(folder), differences)
    write_file(changed_path(folder), changed)


def write_doubts(folder: Path, doubts: pd.DataFrame, noise: pd.DataFrame) -> None:
    """Both tables, below `folder`."""
    write_csv(doubts_path(folder), doubts[DOUBTS])
    write_csv(noise_path(folder), noise[NOISE].round({"share": 6, "of_given": 6}))


def write_calibration(
    folder: Path, calibration: pd.DataFrame, reliability: pd.DataFrame, conformal: pd.DataFrame
) -> None:
    """The three tables, below `folder`."""
    write_csv(calibration_path(folder), calibration[CALIBRATION].round(6))
    write_csv(reliability_path(folder), reliability[RELIABILITY].round(6))
    write_csv(conformal_path(folder), conformal[CONFORMAL].round(6))


def write_shortcuts(folder: Path, shortcuts: pd.DataFrame) -> None:
    """The table, below `folder`."""
    write_csv(shortcuts_path(folder), shortcuts[SHORTCUTS].round(6))


def write_copies(folder: Path, copies: pd.DataFrame) -> None:
    """The table, below `folder`."""
    write_csv(copies_path(folder), copies[COPIES].round(6))


def write_summary(folder: Path, summary: Mapping[str, Any]) -> None:
    """What `read_summary` gives."""
    write_checked_json(summary_path(folder), summary)


def write_checksums_of(folder: Path) -> None:
    """CHECKSUMS, of the CSV files in `folder`, which is to become FOLDER."""
    files = sorted(folder.glob("*.csv"))
    write_checked_json(CHECKSUMS, {f"{FOLDER.name}/{f.name}": file_checksum(f) for f in files})


def read_differences() -> pd.DataFrame:
    """DIFFERENCES. Errors: `UserError`."""
    return read_csv(differences_path(), CHECKSUMS, dtype={"run": str, "other": str})


def read_doubts() -> pd.DataFrame:
    """DOUBTS. Errors: `UserError`."""
    return read_csv(doubts_path(), CHECKSUMS, dtype=dict.fromkeys(DOUBTS[:-1], str))


def read_noise() -> pd.DataFrame:
    """NOISE. Errors: `UserError`."""
    return read_csv(noise_path(), CHECKSUMS, dtype=dict.fromkeys(NOISE[:2], str))


def read_calibration() -> pd.DataFrame:
    """CALIBRATION. Errors: `UserError`."""
    return read_csv(calibration_path(), CHECKSUMS, dtype={"run": str})


def read_reliability() -> pd.DataFrame:
    """RELIABILITY. Errors: `UserError`."""
    return read_csv(reliability_path(), CHECKSUMS, dtype={"run": str})


def read_conformal() -> pd.DataFrame:
    """CONFORMAL. Errors: `UserError`."""
    return read_csv(conformal_path(), CHECKSUMS, dtype={"run": str})


def read_shortcuts() -> pd.DataFrame:
    """SHORTCUTS. Errors: `UserError`."""
    return read_csv(shortcuts_path(), CHECKSUMS, dtype={"cues": str})


def read_copies() -> pd.DataFrame:
    """COPIES. Errors: `UserError`."""
    return read_csv(copies_path(), CHECKSUMS, dtype={"run": str})


def read_summary() -> dict[str, Any]:
    """What `write_summary` was given. Errors: `UserError`."""
    return read_json(summary_path())


def not_told_apart(differences: pd.DataFrame, run: str) -> list[str]:
    """The runs whose accuracy may be that of `run`: 0 is in the interval of the difference."""
    unclear = differences[(differences["accuracy_low"] <= 0) & (differences["accuracy_high"] >= 0)]
    pairs = unclear[["run", "other"]].itertuples(index=False)
    return [other if first == run else first for first, other in pairs if run in (first, other)]

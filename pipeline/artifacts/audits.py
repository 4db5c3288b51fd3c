"""`reports/audit.json`, `reports/audit`, `data/rejected.csv`: what is wrong with the pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.core.files import read_json, replacing, write_checked_json
from pipeline.core.tables import write_csv

SUMMARY = Path("reports/audit.json")
TABLES = Path("reports/audit")
REJECTED = Path("data/rejected.csv")


def write_rejected(rows: Sequence[tuple[str, str, str]]) -> None:
    """Path, reason and detail of each picture that is not used."""
    write_csv(REJECTED, pd.DataFrame(rows, columns=["path", "reason", "detail"]))


def write_audit(summary: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]) -> None:
    """The summary, and each table under its name."""
    with replacing(TABLES) as folder:
        folder.mkdir()
        for name, table in tables.items():
            write_csv(folder / f"{name}.csv", table)
    write_checked_json(SUMMARY, summary)


def read_audit() -> dict[str, Any]:
    """The summary. Errors: `UserError`."""
    return read_json(SUMMARY)


def read_known_tests() -> set[str]:
    """The image_id of the test pictures that have a near copy in training; empty where so many
    pictures look alike that it cannot be told. Errors: `UserError`."""
    return set(read_audit()["known_tests"] or ())

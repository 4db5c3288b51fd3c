"""Labels joined from a table by the name of the folder."""

from __future__ import annotations

import difflib
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.errors import UserError
from pipeline.params import LabelTable


def read_labels(params: LabelTable, root: Path, folders: list[str]) -> dict[str, tuple[str, ...]]:
    """The labels of each folder: the cell of `params.column` in the row whose key matches it.

    Names match without regard to case, Unicode form, and "_" for a space; `params.aliases` gives
    the table's name for a folder that does not match. A cell may hold several labels.

    Errors: `UserError` for a table or column that is not there, a folder that no row matches (with
    the closest name), a key that stands in two rows with different labels, an empty cell.
    """
    path = root / params.table
    rows = _rows(path, params)
    unknown = sorted(set(params.aliases) - set(folders))
    if unknown:
        raise UserError(
            f"source.labels.aliases names {unknown[0]!r}, which is no folder; "
            f"{_closest(unknown[0], folders)}"
        )
    labels: dict[str, tuple[str, ...]] = {}
    for folder in folders:
        name = params.aliases.get(folder, folder)
        if _plain(name) not in rows:
            names = {_plain(row): row for row, _ in rows.values()}
            raise UserError(
                f"{path} has no {params.key} {name!r} for the folder {folder!r}; "
                f"{_closest(name, list(names.values()))}; add the row, or the name in the table to "
                f"source.labels.aliases, as `{folder}: NAME`"
            )
        written, labels[folder] = rows[_plain(name)]
        if not labels[folder]:
            raise UserError(f"{path} has no {params.column} for {written!r}: fill the cell")
    return labels


def _rows(path: Path, params: LabelTable) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Plain name -> (name as written, labels)."""
    table = _read(path)
    for column in (params.key, params.column):
        if column not in table.columns:
            raise UserError(f"{path} has no column {column!r}; it has: {', '.join(table.columns)}")
    rows: dict[str, tuple[str, tuple[str, ...]]] = {}
    for name, cell in zip(table[params.key].astype(str), table[params.column], strict=True):
        parts = cell.split(params.separator) if isinstance(cell, str) else _list(cell)
        labels = tuple(dict.fromkeys(label.strip() for label in parts if label.strip()))
        if rows.setdefault(_plain(name), (name, labels))[1] != labels:
            raise UserError(f"{path} has {name!r} twice, with different labels: keep one row")
    return rows


def _list(cell: object) -> list[str]:
    """The labels of a Parquet cell that is no string: a list of them, or nothing."""
    return [str(label) for label in cell] if isinstance(cell, list | np.ndarray) else []


def _read(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise UserError(f"{path} is missing: source.labels.table names a file in ingest.input")
    try:
        if path.suffix.lower() == ".parquet":
            return pd.read_parquet(path)
        return pd.read_csv(path, dtype=str, keep_default_na=False)
    except (ValueError, OSError) as error:  # pandas' and Arrow's errors are ValueErrors
        raise UserError(f"{path} cannot be read as a table: {error}") from None


def _plain(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).replace("_", " ").casefold().split())


def _closest(name: str, names: list[str]) -> str:
    plain = {_plain(n): n for n in names}
    close = difflib.get_close_matches(_plain(name), list(plain), n=1, cutoff=0.0)
    return f"the closest is {plain[close[0]]!r}" if close else "the table is empty"

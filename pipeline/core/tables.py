"""CSV files, whose texts no spreadsheet takes for formulas."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.core.checksums import checksum, file_checksum
from pipeline.core.files import read_json, readable, replacing, write_checked_json

if TYPE_CHECKING:
    import pandas as pd

FORMULA = re.compile(r"'*[=+@\t\r-]")  # how it begins, here perhaps behind our '
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)


def as_text(cell: Any) -> Any:
    """A text that a spreadsheet would take for a formula, with ' before it, which it hides."""
    if isinstance(cell, str) and FORMULA.match(cell) and not NUMBER.fullmatch(cell):
        return f"'{cell}"
    return cell


def from_text(cell: Any) -> Any:
    """What `as_text` was given."""
    if isinstance(cell, str) and cell.startswith("'") and FORMULA.match(cell):
        return cell[1:]
    return cell


def read_csv(path: Path, checksums: Path | None = None, **options: Any) -> pd.DataFrame:
    """A CSV file, empty cells as they are. Errors: `UserError` when it is missing or damaged.

    checksums: the file of `write_checksums` that has its own; None: that of `write_checked_csv`.
    """
    import pandas as pd  # takes 0.3 s, which stages without tables need not wait

    checksums = checksums or path.with_suffix(".json")
    known = read_json(checksums)
    with readable(path):
        data = path.read_bytes()
        if checksum(data) != known[path.relative_to(checksums.parent).as_posix()]:
            raise ValueError(f"it is not as it was written, says {checksums}")
        table: pd.DataFrame = pd.read_csv(io.BytesIO(data), keep_default_na=False, **options)
        return _mapped(table, from_text)


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write the columns of `table`, whole or not at all."""
    with replacing(path) as temporary:
        _write(temporary, table)


def write_checked_csv(path: Path, table: pd.DataFrame) -> None:
    """The same, with its checksum in a .json beside it."""
    with replacing(path) as temporary:
        _write(temporary, table)
        written = file_checksum(temporary)  # `path` may be another process's by now
    write_checked_json(path.with_suffix(".json"), {path.name: written})


def _write(path: Path, table: pd.DataFrame) -> None:
    texts = _mapped(table, as_text)
    returns = any("\r" in str(cell) for name in _texts(table) for cell in table[name])
    if returns:  # which are not quoted of themselves
        texts.to_csv(path, index=False, quoting=csv.QUOTE_NONNUMERIC)
    else:
        texts.to_csv(path, index=False)


def _texts(table: pd.DataFrame) -> list[str]:
    return [str(name) for name in table.select_dtypes(exclude=["number", "bool"])]


def _mapped(table: pd.DataFrame, function: Callable[[Any], Any]) -> pd.DataFrame:
    changed = {}
    for name in _texts(table):
        column = table[name]
        cells = [function(cell) for cell in column]
        changed[name] = type(column)(cells, index=column.index, dtype=column.dtype)
    return table.assign(**changed)

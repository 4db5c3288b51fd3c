"""Tables in a tree of files: CSV, TSV, JSON lines, Parquet."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.core.errors import UserError
from pipeline.ingest.sources.tree import UNREADABLE, Tree

BATCH = 64  # rows of a Parquet file in memory: they may hold pictures

Row = dict[str, Any]


@dataclass(frozen=True)
class Table:
    """where: as a message names it. binary: the columns that hold bytes, or bytes with a path."""

    where: str
    columns: list[str]
    binary: set[str]
    _rows: Callable[[list[str]], Iterator[Row]]

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        """Every row, in order, with these columns. Errors: `UserError` where it is damaged."""
        with _readable(self.where):
            yield from self._rows(list(dict.fromkeys(columns)))


@contextmanager
def open_table(path: str, trees: Sequence[Tree], *, key: str) -> Iterator[Table]:
    """The table `path` of the first tree that has it; its kind follows from its ending.

    key: of the parameters, for the message. Errors: `UserError` for a file that is not there or no
    table.
    """
    tree = next((tree for tree in trees if tree.is_file(path)), None)
    if tree is None:
        raise UserError(f"{trees[0].where(path)} is missing: {key} names a file in ingest.input")
    where = tree.where(path)
    reader = READERS.get(path[path.rfind(".") :].lower())
    if reader is None:
        raise UserError(f"{where} is no table: its name must end in {', '.join(READERS)}")
    with tree.open(path) as file:
        with _readable(where):
            columns, binary, rows = reader(file)
        yield Table(where, columns, binary, rows)


@contextmanager
def _readable(where: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, NotImplementedError, *UNREADABLE) as error:  # pandas' and Arrow's
        raise UserError(f"{where} cannot be read as a table: {error}") from None


Opened = tuple[list[str], set[str], Callable[[list[str]], Iterator[Row]]]


def _csv(file: IO[bytes], separator: str = ",") -> Opened:
    frame = pd.read_csv(file, sep=separator, dtype=str, keep_default_na=False)
    if not isinstance(frame.index, pd.RangeIndex):
        raise ValueError("its rows have more cells than its header has names")

    def rows(columns: list[str]) -> Iterator[Row]:
        lists = [frame[name].tolist() for name in columns]
        return (dict(zip(columns, cells, strict=True)) for cells in zip(*lists, strict=True))

    return list(frame.columns), set(), rows


def _tsv(file: IO[bytes]) -> Opened:
    return _csv(file, "\t")


def _json_lines(file: IO[bytes]) -> Opened:
    read: list[Row] = []
    for number, line in enumerate(file, start=1):
        if line.strip():
            try:
                read.append(dict(json.loads(line).items()))
            except (ValueError, AttributeError):
                raise ValueError(f"line {number} is no JSON object") from None

    def rows(columns: list[str]) -> Iterator[Row]:
        return ({name: row.get(name) for name in columns} for row in read)

    return list(dict.fromkeys(name for row in read for name in row)), set(), rows


def _parquet(file: IO[bytes]) -> Opened:
    opened = pq.ParquetFile(file)
    schema = opened.schema_arrow

    def rows(columns: list[str]) -> Iterator[Row]:
        for batch in opened.iter_batches(BATCH, columns=columns):
            yield from batch.to_pylist()

    return schema.names, {field.name for field in schema if _is_binary(field.type)}, rows


def _is_binary(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return any(_is_binary(field.type) for field in kind)
    return kind in (pa.binary(), pa.large_binary())


READERS: dict[str, Callable[[IO[bytes]], Opened]] = {
    ".csv": _csv,
    ".tsv": _tsv,
    ".jsonl": _json_lines,
    ".parquet": _parquet,
}

"""Tables in a tree of files: CSV, TSV, JSON lines, Parquet."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.core.errors import UserError
from pipeline.ingest.sources.tree import UNREADABLE, Tree

BATCH = 64  # rows of a Parquet file in memory: they may hold pictures

Row = dict[str, Any]


@dataclass(frozen=True)
class Table:
    """where: as a message names it. binary: the columns that hold bytes, or bytes with a path.

    said: how it was understood, in words, where that is unusual.
    """

    where: str
    columns: list[str]
    binary: set[str]
    said: str
    _rows: Callable[[list[str]], Iterator[Row]]

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        """Every row, in order, with these columns. Errors: `UserError` where it is damaged."""
        with _readable(self.where):
            yield from self._rows(list(dict.fromkeys(columns)))


@contextmanager
def open_table(
    path: str, trees: Sequence[Tree], *, key: str, encoding: str = "utf-8"
) -> Iterator[Table]:
    """The table `path` of the first tree that has it; its kind follows from its ending.

    What parts the cells of a row is found. encoding: of a text without a mark of its own. key: of
    the parameters, for the message. Errors: `UserError` for a file that is not there or no
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
            columns, binary, rows, said = reader(file, encoding)
        yield Table(where, columns, binary, said, rows)


@contextmanager
def _readable(where: str) -> Iterator[None]:
    try:
        yield
    except UNREADABLE as error:  # Arrow's are ValueErrors
        raise UserError(f"{where} cannot be read as a table: {error}") from None


Opened = tuple[list[str], set[str], Callable[[list[str]], Iterator[Row]], str]
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "upright strokes"}
LOOKED_AT = 50  # rows that tell the separator
BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip


def _text(file: IO[bytes], encoding: str) -> tuple[str, str]:
    """The text, and its encoding: `encoding`, unless the file begins with the mark of another."""
    data = file.read()
    found = next((name for bom, name in BOMS.items() if data.startswith(bom)), encoding)
    try:
        text = data.decode(found)
        if "\0" in text:
            raise ValueError(
                "it holds zeros: if it is UTF-16, give the table its encoding, utf-16-le"
            )
        return text, found
    except UnicodeDecodeError as error:
        raise ValueError(
            f"byte {error.start} is no {found.upper()}: save it as UTF-8, or give "
            "the table its encoding, such as windows-1252 or utf-16-le"
        ) from None


def _csv(file: IO[bytes], encoding: str, usual: str = ",") -> Opened:
    text, found = _text(file, encoding)
    separator = None
    if mark := re.match(r"sep=(.)\r?\n", text):  # for Excel
        separator, text = mark[1], text[mark.end() :]
    separator = separator or _separator(text, usual)
    header, *lines = _lines(text, separator)
    columns = [name.strip() for name in header]
    if twice := [name for name in columns if name and columns.count(name) > 1]:
        raise ValueError(f"it has two columns {twice[0]!r}")

    def rows(wanted: list[str]) -> Iterator[Row]:
        places = [(name, columns.index(name)) for name in wanted]
        return ({n: line[i] if i < len(line) else "" for n, i in places} for line in lines)

    said = [SEPARATORS.get(separator, repr(separator))] * (separator != usual)
    said += [found.upper()] * (found not in ("utf-8", "utf-8-sig"))
    return columns, set(), rows, " and ".join(said)


def _separator(text: str, usual: str) -> str:
    """What parts the first rows into as many cells as the header has, the usual if that does."""
    beginning = list(islice(io.StringIO(text, newline=""), LOOKED_AT))
    for separator in (usual, *SEPARATORS):
        try:
            counts = [len(cells) for cells in csv.reader(beginning, delimiter=separator) if cells]
        except csv.Error:  # a cell that is too long
            continue
        if counts and counts[0] > 1 and set(counts[:-1]) <= {counts[0]}:
            return separator
    return usual


def _lines(text: str, separator: str) -> list[list[str]]:
    """The cells of the header and of each row; blank lines are none."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    lines: list[list[str]] = []
    last = 0
    try:
        for cells in reader:
            several, last = reader.line_num > last + 1, reader.line_num
            if not cells:
                continue
            if lines and len(cells) > len(lines[0]):
                if any(cells[len(lines[0]) :]):
                    raise ValueError(f"line {last} has more cells than its header names")
                cells = cells[: len(lines[0])]
            if several:
                _check_swallowed(cells, separator, last)
            lines.append(cells)
    except csv.Error as error:
        raise ValueError(
            f"line {reader.line_num}: {error}: a cell that begins with a quotation mark ends with "
            "one, and marks within it are doubled"
        ) from None
    if not lines:
        raise ValueError("it is empty")
    return lines


def _check_swallowed(cells: list[str], separator: str, number: int) -> None:
    """Whether a cell holds the end of a row, maybe rows, and the beginning of one."""
    for place, cell in enumerate(cells):
        if "\n" not in cell or len(cells) == 1:
            continue
        first, *between, last = (line.count(separator) for line in cell.splitlines())
        end, beginning = len(cells) - 1 - place, place
        if (first, last) == (end, beginning) and set(between) <= {len(cells) - 1}:
            raise ValueError(
                f"line {number} ends a cell with {len(between) + 2} lines that look like rows: "
                f"{cell.splitlines()[0][:60]!r} has a stray quotation mark before it; double it "
                "within quotation marks, or leave it out"
            )


def _tsv(file: IO[bytes], encoding: str) -> Opened:
    return _csv(file, encoding, "\t")


def _json_lines(file: IO[bytes], encoding: str) -> Opened:
    text, found = _text(file, encoding)
    read: list[Row] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                read.append(json_object(line))
            except ValueError as error:
                raise ValueError(f"line {number} is no JSON object ({error})") from None

    def rows(columns: list[str]) -> Iterator[Row]:
        return ({name: row.get(name) for name in columns} for row in read)

    said = "" if found in ("utf-8", "utf-8-sig") else found.upper()
    return list(dict.fromkeys(name for row in read for name in row)), set(), rows, said


def json_object(text: str | bytes) -> Row:
    """A JSON object. Errors: `ValueError`, also for a key that stands in it twice, and for a text
    that UTF-8 has none of, half of a surrogate pair.
    """

    def unique(pairs: list[tuple[str, Any]]) -> Row:
        row = dict(pairs)
        if len(row) < len(pairs):
            raise ValueError("a key stands in it twice")
        return row

    try:
        row = json.loads(text, object_pairs_hook=unique)
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = error.object[error.start].encode("unicode_escape").decode()
        raise ValueError(f"{half} is half of a letter: write the letter itself") from None
    except RecursionError:
        raise ValueError("too many lists or objects lie in each other") from None
    if not isinstance(row, dict):
        raise ValueError("it is something else")
    return row


def _parquet(file: IO[bytes], encoding: str) -> Opened:
    opened = pq.ParquetFile(file)
    schema = opened.schema_arrow

    def rows(columns: list[str]) -> Iterator[Row]:
        for batch in opened.iter_batches(BATCH, columns=columns):
            yield from batch.to_pylist()

    return schema.names, {field.name for field in schema if _is_binary(field.type)}, rows, ""


def _is_binary(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return any(_is_binary(field.type) for field in kind)
    return kind in (pa.binary(), pa.large_binary())


READERS: dict[str, Callable[[IO[bytes], str], Opened]] = {
    ".csv": _csv,
    ".tsv": _tsv,
    ".jsonl": _json_lines,
    ".parquet": _parquet,
}

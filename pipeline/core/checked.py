"""Parquet files that tell when they are damaged.

Parquet's own checksums are of the pages' contents and not of the words that say how to read them.
So between the last page and the footer, where no reader looks, stand 8 bytes of XXH3 for each
column chunk, row group by row group, and 8 for the footer with the marks at both ends of the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.core.checksums import LENGTH, short
from pipeline.core.files import replacing

MARK = b"PAR1"  # the first and the last bytes of a Parquet file
TAIL = 8  # at its end: the footer's length, 4 bytes, and MARK


@contextmanager
def writing(path: Path, schema: pa.Schema, **options: Any) -> Iterator[pq.ParquetWriter]:
    """A writer of `path`, which is there, with checksums, when the block ends without an error."""
    with replacing(path) as temporary:
        with pq.ParquetWriter(temporary, schema, write_page_checksum=True, **options) as writer:
            yield writer
        _add_checksums(temporary)


def _add_checksums(path: Path) -> None:
    with _mapped(path) as content:
        start = _footer(content)
        chunks = b"".join(
            short(content[slice(*place)]) for _, place in _chunks(pq.read_metadata(path))
        )
        ends = bytes(content[start:])
    with path.open("r+b") as file:
        file.seek(start)
        file.write(chunks + short(MARK, ends) + ends)


class CheckedFile:
    """A file that `writing` wrote, opened; what is read of it has been checked.

    schema: Arrow's; rows: how many; groups: how many row groups they are in. To be used in a
    `with` and in `pipeline.core.files.readable`.

    Errors: ValueError, Arrow's or ours, where the file is damaged.
    """

    def __init__(self, path: Path) -> None:
        self._source = pa.memory_map(str(path))
        buffer = self._source.read_buffer()
        self._content = memoryview(buffer).cast("B")
        start = _footer(self._content) - LENGTH
        expected = self._content[start : start + LENGTH]
        if short(self._content[: len(MARK)], self._content[start + LENGTH :]) != expected:
            raise ValueError("its footer is not as it was written")
        self._file = pq.ParquetFile(pa.BufferReader(buffer))
        chunks = list(_chunks(self._file.metadata))
        self._checksums = start - LENGTH * len(chunks)
        self._chunks: list[tuple[str, tuple[int, int]]] = chunks
        self.schema: pa.Schema = self._file.schema_arrow
        self.rows: int = self._file.metadata.num_rows
        self.groups: int = self._file.num_row_groups

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()
        self._content.release()
        self._source.close()

    def read_group(self, group: int, columns: Sequence[str] | None = None) -> pa.Table:
        """A row group, all columns or those named."""
        width = len(self._chunks) // self.groups
        for number in range(group * width, (group + 1) * width):
            name, place = self._chunks[number]
            if columns is None or name in columns:
                self._check(number, place)
        return self._file.read_row_group(group, columns)

    def check(self) -> None:
        """Check all of it, reading nothing into memory."""
        for number, (_, place) in enumerate(self._chunks):
            self._check(number, place)

    def read(self, columns: Sequence[str] | None = None) -> pa.Table:
        """All row groups."""
        tables = [self.read_group(group, columns) for group in range(self.groups)]
        return pa.concat_tables(tables) if tables else self._file.read(columns)

    def _check(self, number: int, place: tuple[int, int]) -> None:
        start = self._checksums + LENGTH * number
        if short(self._content[slice(*place)]) != self._content[start : start + LENGTH]:
            name, _ = self._chunks[number]
            raise ValueError(f"its column {name} is not as it was written")


def read_schema(path: Path) -> pa.Schema:
    """Arrow's. Errors: those of `CheckedFile`, and OSError."""
    with CheckedFile(path) as file:
        return file.schema


@contextmanager
def _mapped(path: Path) -> Iterator[memoryview]:
    with pa.memory_map(str(path)) as source, memoryview(source.read_buffer()).cast("B") as content:
        yield content


def _footer(content: memoryview) -> int:
    """Where the footer begins."""
    length = int.from_bytes(content[-TAIL : -len(MARK)], "little")
    start = len(content) - TAIL - length
    if content[-len(MARK) :] != MARK or start < len(MARK) + LENGTH:
        raise ValueError("it does not end as a Parquet file")
    return start


def _chunks(metadata: pq.FileMetaData) -> Iterator[tuple[str, tuple[int, int]]]:
    """The column and the first and last byte of each chunk, row group by row group."""
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        for number in range(metadata.num_columns):
            chunk = row_group.column(number)
            start = chunk.data_page_offset
            if chunk.has_dictionary_page:
                start = min(start, chunk.dictionary_page_offset)
            yield chunk.path_in_schema.split(".")[0], (start, start + chunk.total_compressed_size)

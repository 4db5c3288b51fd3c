"""Parquet between the stages: folders of shards, one row per picture."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.core.checked import CheckedFile, writing
from pipeline.core.errors import UserError
from pipeline.core.files import readable, replacing

# Rows of a shard: about 130, at most 51 MB of 100,352 float16 values.
MIN_ROWS, USUAL_ROWS, MAX_ROWS = 32, 128, 256
BYTES_PER_GROUP = 256 * 2**20  # Arrow cannot read back a column of more than 2 GiB in a struct
METADATA_KEY = b"atelier"  # provenance, as JSON, in the schema's metadata


def vector_type(dtype: type[np.floating[Any]], length: int) -> pa.DataType:
    """The column type of (N, length) arrays."""
    return pa.list_(pa.from_numpy_dtype(np.dtype(dtype)), length)


def to_column(array: NDArray[np.floating[Any]]) -> pa.FixedSizeListArray:
    """(N, D) array -> column of N fixed-size lists."""
    return pa.FixedSizeListArray.from_arrays(pa.array(array.reshape(-1)), array.shape[1])


def from_column(column: pa.Array | pa.ChunkedArray) -> NDArray[np.floating[Any]]:
    """Column of N fixed-size lists -> (N, D) array of the same dtype."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    array: NDArray[np.floating[Any]] = column.flatten().to_numpy(zero_copy_only=False)
    return array.reshape(-1, column.type.list_size)


def with_metadata(schema: pa.Schema, **provenance: Any) -> pa.Schema:
    """`schema` with `provenance` as JSON beside what its metadata already hold."""
    text = json.dumps(provenance, ensure_ascii=False, sort_keys=True)
    return schema.with_metadata({**(schema.metadata or {}), METADATA_KEY: text.encode()})


def metadata(schema: pa.Schema) -> dict[str, Any]:
    """The provenance that `with_metadata` stored."""
    stored: dict[str, Any] = json.loads((schema.metadata or {})[METADATA_KEY])
    return stored


def write_shards(folder: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
    """Write `batches` as `part-00000.parquet`, … under `folder`; return the number of rows.

    Where a shard ends follows from the image_ids in it, so that a picture more or less changes one
    shard and not all that follow. Memory holds one row group at most.
    """
    rows = 0
    with replacing(folder) as temporary:
        temporary.mkdir()
        for number, groups in groupby(_row_groups(batches), key=itemgetter(0)):
            path = temporary / f"part-{number:05}.parquet"
            rows += write_shard(path, schema, (group for _, group in groups))
    return rows


def write_shard(
    path: Path, schema: pa.Schema, groups: Iterable[pa.RecordBatch], *, compression: str = "zstd"
) -> int:
    """Write one shard, a row group for each of `groups`; return the number of rows.

    Lists of floats are byte-stream-split, which is smallest and fastest to read for them.
    """
    vectors = [f.name for f in schema if pa.types.is_fixed_size_list(f.type)]
    options = {
        "compression": compression,
        "use_dictionary": [n for n in schema.names if n in ("labels", "artist", "split")],
        "column_encoding": {f"{n}.list.element": "BYTE_STREAM_SPLIT" for n in vectors} or None,
        "write_statistics": [n for n in schema.names if n in ("image_id", "artist", "split")],
    }
    rows = 0
    with writing(path, schema, **options) as writer:
        for group in groups:
            writer.write(group, row_group_size=group.num_rows)
            rows += group.num_rows
    return rows


def _row_groups(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Row groups with the number of their shard: all of its rows, or BYTES_PER_GROUP of them."""
    number = rows = size = 0  # the shard, its rows so far, the bytes waiting
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        start = 0
        for end, image_id in enumerate(batch["image_id"].to_pylist(), 1):
            rows += 1
            if _ends_shard(image_id, rows):
                waiting.append(batch.slice(start, end - start))
                yield number, pa.concat_batches(waiting)
                number, start, waiting = number + 1, end, []
                rows = size = 0
        if rest := batch.slice(start):
            waiting.append(rest)
            size += rest.nbytes
            if size >= BYTES_PER_GROUP:
                yield number, pa.concat_batches(waiting)
                waiting, size = [], 0
    if waiting:
        yield number, pa.concat_batches(waiting)


def _ends_shard(image_id: str, rows: int) -> bool:
    """Content-defined chunking (Muthitacharoen et al., A low-bandwidth network file system)."""
    return rows >= MAX_ROWS or (
        rows >= MIN_ROWS and zlib.crc32(image_id.encode()) % USUAL_ROWS == 0
    )


class Shards:
    """A folder of shards, opened for reading.

    rows: their number of rows. Errors: `UserError` when there are no shards, when one is damaged,
    or when their columns differ.
    """

    def __init__(self, folder: Path) -> None:
        self.paths = sorted(folder.glob("part-*.parquet"))
        if not self.paths:
            raise UserError(f"{folder} holds no part-*.parquet: run `dvc repro` to make it")
        self.rows = 0
        for path in self.paths:
            with readable(path), CheckedFile(path) as file:
                self.rows += file.rows
                if path is self.paths[0]:
                    self.schema: pa.Schema = file.schema
                elif not file.schema.equals(self.schema):
                    raise UserError(
                        f"{path} has other columns than {self.paths[0].name}: it comes from "
                        f"another run; delete {folder} and run `dvc repro`"
                    )

    @property
    def metadata(self) -> dict[str, Any]:
        """The provenance stored by the stage that wrote the shards."""
        return metadata(self.schema)

    def batches(self, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Row groups in order, with all columns or those named; memory holds one."""
        for path in self.paths:
            yield from shard_batches(path, columns)

    def take(self, image_ids: set[str]) -> Iterator[dict[str, Any]]:
        """The rows of `image_ids`, all columns; only row groups that hold one are read whole."""
        for path in self.paths:
            with readable(path), CheckedFile(path) as file:
                for group in range(file.groups):
                    ids = file.read_group(group, ["image_id"])["image_id"]
                    found = [
                        i for i, image_id in enumerate(ids.to_pylist()) if image_id in image_ids
                    ]
                    if found:
                        yield from file.read_group(group).take(found).to_pylist()

    def read(self, columns: list[str], *, split: str | None = None) -> pa.Table:
        """`columns` of all rows, or of the rows of one split."""
        batches = self.batches(list(dict.fromkeys([*columns, "split"])))
        if split is not None:
            batches = (rows.filter(pc.equal(rows["split"], split)) for rows in batches)
        return pa.Table.from_batches(batches).select(columns)


def shard_batches(path: Path, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    """The row groups of one shard. Errors: `UserError` when it is missing or damaged."""
    with readable(path), CheckedFile(path) as file:
        for group in range(file.groups):
            table = file.read_group(group, columns).combine_chunks()
            yield from table.to_batches()


def read_rows(path: Path, columns: list[str]) -> pa.RecordBatch:
    """`columns` of a whole shard. Errors: `UserError` when it is missing or damaged."""
    return pa.concat_batches(list(shard_batches(path, columns)))


def shard_ids(path: Path) -> list[str]:
    """The image_ids of a shard, in order. Errors: `UserError` when it is missing or damaged."""
    ids: list[str] = read_rows(path, ["image_id"])["image_id"].to_pylist()
    return ids


def read_file(path: Path) -> pa.Table:
    """A whole Parquet file; `UserError` when it is missing or damaged."""
    with readable(path), CheckedFile(path) as file:
        return file.read()


def write_file(path: Path, table: pa.Table) -> None:
    """One Parquet file, written whole or not at all."""
    with writing(path, table.schema, compression="zstd") as writer:
        writer.write_table(table)

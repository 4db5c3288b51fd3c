"""Shards: where they end, what comes back, what is damaged."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.core.parquet import (
    MAX_ROWS,
    MIN_ROWS,
    Shards,
    from_column,
    read_file,
    shard_ids,
    to_column,
    vector_type,
    with_metadata,
    write_shards,
)

SPLITS = ["train", "validation", "test"]


def vectors(rows, dtype, length=7):
    """(rows, length) of random bits, so also of extreme values, but of no NaN or infinity."""
    bits = np.random.default_rng(0).integers(0, 256, (rows, length, np.dtype(dtype).itemsize))
    values = bits.astype(np.uint8).reshape(rows, -1).view(dtype)
    return np.where(np.isfinite(values), values, dtype(1))


def identity(rows, start=0):
    """image_id, labels and split of so many pictures."""
    numbers = range(start, start + rows)
    return pa.RecordBatch.from_pydict(
        {
            "image_id": [f"{i:016x}" for i in numbers],
            "labels": [["Cubism", "Pop Art"][: 1 + i % 2] for i in numbers],
            "split": [SPLITS[i % 3] for i in numbers],
        }
    )


def schema_of(dtype, length, **provenance):
    columns = [(name, identity(1).schema.field(name).type) for name in identity(1).schema.names]
    return with_metadata(pa.schema([*columns, ("v", vector_type(dtype, length))]), **provenance)


def rows_of(identities, values, schema):
    return pa.RecordBatch.from_arrays([*identities.columns, to_column(values)], schema=schema)


def batches(values, schema, size):
    for start in range(0, len(values), size):
        part = values[start : start + size]
        yield rows_of(identity(len(part), start), part, schema)


def write(folder, values, *, size=100, **provenance):
    schema = schema_of(values.dtype.type, values.shape[1], **provenance)
    assert write_shards(folder, schema, batches(values, schema, size)) == len(values)
    return Shards(folder)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("size", [1, 100, 1100])
def test_vectors_come_back_bit_for_bit(tmp_path, dtype, size):
    values = vectors(1100, dtype)
    shards = write(tmp_path / "x", values, size=size)
    table = shards.read(["image_id", "labels", "split", "v"])
    found = from_column(table["v"])
    assert found.dtype == dtype
    assert found.tobytes() == values.tobytes()
    assert table.select(["image_id", "labels", "split"]).to_pylist() == identity(1100).to_pylist()


@pytest.mark.parametrize("rows", [1, 31, 256, 1100])
@pytest.mark.parametrize("size", [1, 64, 1100])
def test_shards_and_row_groups(tmp_path, rows, size):
    shards = write(tmp_path / "x", vectors(rows, np.float16), size=size)
    assert shards.rows == rows
    counts = [pq.read_metadata(path).num_rows for path in shards.paths]
    assert [path.name for path in shards.paths] == [
        f"part-{i:05}.parquet" for i in range(len(counts))
    ]
    assert all(MIN_ROWS <= count <= MAX_ROWS for count in counts[:-1])
    assert [rows.num_rows for rows in shards.batches()] == counts


def test_a_long_shard_has_several_row_groups(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.core.parquet.BYTES_PER_GROUP", 2000)
    shards = write(tmp_path / "x", vectors(600, np.float32), size=10)
    whole = write(tmp_path / "y", vectors(600, np.float32), size=600)
    assert len(list(shards.batches())) > 2 * len(shards.paths)
    assert [shard_ids(path) for path in shards.paths] == [shard_ids(path) for path in whole.paths]


@pytest.mark.parametrize("position", [0, 500, 1099])
def test_a_picture_more_changes_one_shard(tmp_path, position):
    """Its own, or that one and the next where its shard now ends with it."""
    ids = [f"{i:016x}" for i in range(1100)]
    schema = schema_of(np.float32, 1)

    def shards(name, ids):
        columns = {"image_id": ids, "labels": [["a"]] * len(ids), "split": ["train"] * len(ids)}
        values = np.ones((len(ids), 1), np.float32)
        batch = rows_of(pa.RecordBatch.from_pydict(columns), values, schema)
        write_shards(tmp_path / name, schema, [batch])
        return [tuple(shard_ids(path)) for path in Shards(tmp_path / name).paths]

    before = shards("before", ids)
    after = shards("after", [*ids[:position], "the new one", *ids[position:]])
    assert len(set(after) - set(before)) <= 2
    assert len(before) > 5


def test_no_rows_make_no_shards(tmp_path, refused):
    schema = schema_of(np.float32, 3)
    assert write_shards(tmp_path / "x", schema, []) == 0
    with refused(str(tmp_path / "x"), "holds no part-*.parquet", "dvc repro"):
        Shards(tmp_path / "x")
    with refused("holds no part-*.parquet"):
        Shards(tmp_path / "missing")


def test_vectors_are_byte_stream_split_and_zstd(tmp_path):
    write(tmp_path / "x", vectors(10, np.float16))
    column = pq.read_metadata(tmp_path / "x" / "part-00000.parquet").row_group(0).column(3)
    assert column.path_in_schema == "v.list.element"
    assert "BYTE_STREAM_SPLIT" in column.encodings
    assert column.compression == "ZSTD"


@pytest.mark.parametrize("sizes", [(100, 100), (1, 512), (64, 1100)])
def test_the_same_rows_give_the_same_bytes(tmp_path, sizes):
    values = vectors(1100, np.float32, 300)
    for name, size in zip("ab", sizes, strict=True):
        write(tmp_path / name, values, size=size, classes=["é", "b"], layer="pooled")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_read_one_split(tmp_path):
    values = vectors(600, np.float32)
    shards = write(tmp_path / "x", values)
    for number, split in enumerate(SPLITS):
        found = from_column(shards.read(["v"], split=split)["v"])
        np.testing.assert_array_equal(found, values[number::3])
    assert shards.read(["v"], split="none").num_rows == 0
    assert shards.read(["v", "image_id"], split="test").column_names == ["v", "image_id"]


def test_take(tmp_path):
    shards = write(tmp_path / "x", vectors(600, np.float32))
    wanted = {f"{i:016x}" for i in (3, 4, 127, 128, 599)}
    rows = list(shards.take(wanted))
    assert {row["image_id"] for row in rows} == wanted
    np.testing.assert_array_equal(rows[-1]["v"], vectors(600, np.float32)[599])


def test_the_provenance_of_shards(tmp_path):
    shards = write(tmp_path / "x", vectors(3, np.float32), classes=["Ā"])
    assert shards.metadata == {"classes": ["Ā"]}


@pytest.mark.parametrize("part", [slice(0, 5), slice(2, 4), slice(5, 5)])
def test_vectors_of_a_slice(part):
    values = vectors(5, np.float32)
    column = to_column(values)
    np.testing.assert_array_equal(from_column(column[part]), values[part])
    chunked = pa.chunked_array([column, column])
    np.testing.assert_array_equal(from_column(chunked), np.vstack([values, values]))


def test_a_failure_leaves_the_old_folder(tmp_path):
    folder = tmp_path / "x"
    old = vectors(600, np.float32)
    write(folder, old)
    before = contents(folder)
    schema = schema_of(np.float32, 7)

    def failing():
        yield from batches(old + 1, schema, 100)
        raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError, match="the disk is full"):
        write_shards(folder, schema, failing())
    assert contents(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_writing_replaces_the_old_folder(tmp_path):
    write(tmp_path / "x", vectors(1100, np.float32))
    assert write(tmp_path / "x", vectors(3, np.float32)).rows == 3
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: data[:-1],
        lambda data: b"",
        lambda data: b"garbage" * 100,
        lambda data: data[:4] + b"\xff" * (len(data) - 8) + data[-4:],
    ],
    ids=["half", "a byte less", "empty", "garbage", "overwritten"],
)
def test_a_damaged_shard_is_named(tmp_path, refused, damage):
    folder = tmp_path / "x"
    write(folder, vectors(600, np.float32))
    path = folder / "part-00001.parquet"
    path.write_bytes(damage(path.read_bytes()))
    with refused(str(path), "damaged", "dvc repro"):
        Shards(folder)
    with refused(str(path), "damaged"):
        read_file(path)


def test_damage_that_only_shows_in_the_data(tmp_path, refused):
    folder = tmp_path / "x"
    shards = write(folder, vectors(100, np.float32))
    path = shards.paths[0]
    data = bytearray(path.read_bytes())
    data[4:400] = bytes(396)  # the footer at the end stays whole
    path.write_bytes(data)
    with refused(str(path), "damaged"):
        Shards(folder).read(["image_id", "labels", "v"])


def test_a_shard_of_another_run_is_named(tmp_path, refused):
    folder = tmp_path / "x"
    write(folder, vectors(600, np.float32))
    other = write(tmp_path / "y", vectors(3, np.float32, 5)).paths[0]
    other.rename(folder / "part-00002.parquet")
    with refused(str(folder / "part-00002.parquet"), "other columns", "part-00000.parquet"):
        Shards(folder)


def test_files_of_others_are_no_shards(tmp_path):
    write(tmp_path / "x", vectors(3, np.float32))
    (tmp_path / "x" / ".gitignore").write_text("*")
    assert Shards(tmp_path / "x").rows == 3


def test_a_missing_file(tmp_path, refused):
    with refused(str(tmp_path / "a.parquet"), "is missing", "dvc repro"):
        read_file(tmp_path / "a.parquet")

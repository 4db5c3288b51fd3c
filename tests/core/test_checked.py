"""Parquet files that tell when they are damaged."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset

from pipeline.core.checked import CheckedFile, writing
from pipeline.core.files import readable
from pipeline.core.parquet import with_metadata

SCHEMA = with_metadata(
    pa.schema(
        {
            "image_id": pa.string(),
            "image": pa.struct({"bytes": pa.binary(), "path": pa.string()}),
            "labels": pa.list_(pa.string()),
            "scores": pa.list_(pa.float32(), 3),
        }
    ),
    classes=["a", "b"],
)
OPTIONS = [
    {"compression": "zstd"},
    {"compression": "lz4", "use_dictionary": ["labels"]},
    {"compression": "none", "use_dictionary": False, "write_statistics": ["image_id"]},
]


def rows(group):
    rng = np.random.default_rng(group)
    return pa.RecordBatch.from_pylist(
        [
            {
                "image_id": f"{group}{i}",
                "image": {"bytes": rng.bytes(20), "path": None},
                "labels": ["a", "b"][: i % 3],
                "scores": rng.random(3).tolist(),
            }
            for i in range(5)
        ],
        SCHEMA,
    )


@pytest.fixture(params=OPTIONS)
def path(request, tmp_path):
    with writing(tmp_path / "rows.parquet", SCHEMA, **request.param) as writer:
        for group in range(3):
            writer.write(rows(group), row_group_size=5)
    return tmp_path / "rows.parquet"


def read(path):
    with readable(path), CheckedFile(path) as file:
        return file.read()


def test_what_was_written_comes_back_here_and_elsewhere(path):
    expected = pa.Table.from_batches([rows(group) for group in range(3)])
    assert read(path).equals(expected)
    assert pq.read_table(path, page_checksum_verification=True).equals(expected)
    assert Dataset.from_parquet(str(path), cache_dir=str(path.parent))["labels"][1] == ["a"]
    with CheckedFile(path) as file:
        assert (file.rows, file.groups, file.schema.metadata) == (15, 3, SCHEMA.metadata)
        assert file.read_group(1, ["labels"]).equals(expected.slice(5, 5).select(["labels"]))


@pytest.mark.slow(reason="reads a file for each of its bytes")
def test_no_change_of_any_byte_goes_through(path, refused):
    whole = path.read_bytes()
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1 << place % 8
        path.write_bytes(changed)
        with refused("rows.parquet is damaged", "delete it and run `dvc repro`"):
            read(path)


def test_no_part_of_a_file_goes_through(path, refused):
    whole = path.read_bytes()
    for end in range(0, len(whole), 7):
        path.write_bytes(whole[:end])
        with refused("rows.parquet is damaged"):
            read(path)
    path.write_bytes(whole[: len(whole) // 2] + whole[len(whole) // 2 + 1 :])
    with refused("rows.parquet is damaged"):
        read(path)


def test_a_file_without_checksums_is_refused(tmp_path, refused):
    pq.write_table(pa.table({"a": [1]}), tmp_path / "plain.parquet")
    with refused("plain.parquet is damaged", "footer"):
        read(tmp_path / "plain.parquet")


def test_only_the_columns_that_are_read_are_checked(path):
    whole = bytearray(path.read_bytes())
    meta = pq.read_metadata(path).row_group(0).column(1)  # the pictures' bytes
    whole[meta.data_page_offset + 8] ^= 1
    path.write_bytes(whole)
    with CheckedFile(path) as file:
        assert file.read(["image_id", "labels"]).num_rows == 15
        with pytest.raises(ValueError, match="its column image"):
            file.read(["image"])

"""The store of vectors: what is there, what still holds, what is damaged."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.artifacts.images import images_schema
from pipeline.artifacts.vectors import VectorStore
from pipeline.core.parquet import Shards, write_shard

IDS = ["a", "b", "c"]
PROVENANCE = {"widths": [["last", 4]], "digest": "1"}
VECTORS = np.arange(12, dtype=np.float16).reshape(3, 4)


@pytest.fixture
def store(tmp_path):
    return VectorStore.of(PROVENANCE, tmp_path / "features")


def holds(store, image_ids):
    return store.holds(store.path(image_ids).name)


def test_what_was_written_is_there(store):
    assert not holds(store, IDS)
    store.write(IDS, VECTORS, mode="cpu")
    assert holds(store, IDS)
    np.testing.assert_array_equal(store.read(IDS), VECTORS)
    opened = VectorStore.open(store.folder)
    assert (opened.dimension, opened.provenance) == (4, PROVENANCE)
    assert opened.path(IDS) == store.path(IDS)
    np.testing.assert_array_equal(opened.read(IDS), VECTORS)


def test_other_pictures_or_another_order_are_another_shard(store):
    store.write(IDS, VECTORS, mode="cpu")
    assert not holds(store, ["a", "b"])
    assert not holds(store, ["b", "a", "c"])
    assert not holds(store, ["a", "b\nc"])


@pytest.mark.parametrize(
    "change", [{"widths": [["last", 5]]}, {"widths": [["a", 4]]}, {"digest": "2"}]
)
def test_another_provenance_or_dimension_does_not_hold(store, refused, change):
    store.write(IDS, VECTORS, mode="cpu")
    other = VectorStore.of(PROVENANCE | change, store.folder)
    assert not holds(other, IDS)
    with refused(str(store.path(IDS)), "comes from another run", "delete it"):
        other.read(IDS)


def test_what_is_there_is_found_by_some_of_its_provenance(store):
    assert VectorStore.found({}, store.folder) is None
    store.write(IDS, VECTORS, mode="cpu")
    for wanted in ({}, {"digest": "1"}, PROVENANCE):
        assert VectorStore.found(wanted, store.folder).provenance == PROVENANCE
    for wanted in ({"digest": "2"}, {"digest": "1", "pool": "mean"}):
        assert VectorStore.found(wanted, store.folder) is None
    other = VectorStore.of(PROVENANCE | {"digest": "2"}, store.folder)
    for image_id in "de":
        other.write([image_id], VECTORS[:1], mode="cpu")
    assert VectorStore.found({}, store.folder).provenance == other.provenance
    assert VectorStore.found({"digest": "1"}, store.folder).provenance == PROVENANCE
    for path in store.folder.iterdir():
        path.write_bytes(b"cut")
    assert VectorStore.found({}, store.folder) is None


def test_how_it_was_computed_does_not_matter(store):
    store.write(IDS, VECTORS, mode="cpu")
    store.write(["d"], VECTORS[:1], mode="cuda:0, compiled")
    assert holds(VectorStore.open(store.folder), IDS)
    assert holds(VectorStore.open(store.folder), ["d"])
    assert b"cuda:0" in pq.read_schema(store.path(["d"])).metadata[b"atelier"]


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: b""])
def test_a_damaged_shard_does_not_hold_and_is_named(store, refused, damage):
    store.write(IDS, VECTORS, mode="cpu")
    path = store.path(IDS)
    path.write_bytes(damage(path.read_bytes()))
    assert not holds(store, IDS)
    with refused(str(path), "damaged", "delete it"):
        store.read(IDS)


def test_one_bit_of_a_shard_flipped_anywhere(store):
    store.write(IDS, VECTORS, mode="cpu")
    path = store.path(IDS)
    whole = path.read_bytes()
    assert not store.damaged(path.name)
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        assert store.damaged(path.name), place
        assert store.known(path) == []


def test_a_missing_shard_is_not_damaged(store):
    assert not store.damaged(store.path(IDS).name)


def test_a_missing_shard_is_named(store, refused):
    with refused("is missing", "dvc repro"):
        store.read(IDS)


def test_shards_of_other_names(store):
    store.write(IDS, VECTORS, mode="cpu")
    store.write(["x"], VECTORS[:1], mode="cpu")
    VectorStore.of(PROVENANCE | {"pool": "spatial"}, store.folder).write(
        ["y"], VECTORS[:1], mode="cpu"
    )
    (store.folder / ".part-0.parquet.tmp").write_bytes(b"half")
    (store.folder / "part-0.parquet").write_bytes(b"garbage")
    others = set(store.others({store.path(IDS).name}))
    assert len(others) == 4
    assert [i for path in sorted(others) for i in store.known(path)] == ["x"]
    assert list(VectorStore.of(PROVENANCE, store.folder / "nowhere").others(set())) == []


def test_rows_of_pictures_in_any_order_leave_other_shards_unread(store, tmp_path):
    schema = images_schema(classes=["a"])
    for number, ids in enumerate((["a", "b", "c"], ["d"])):
        rows = [
            {
                "image_id": i, "image": {"bytes": b"", "path": i}, "labels": ["a"],
                "artist": None, "split": "train", "width": 1, "height": 1,
            }
            for i in ids
        ]  # fmt: skip
        batch = pa.RecordBatch.from_pylist(rows, schema)
        write_shard(tmp_path / f"images/part-{number:05}.parquet", schema, [batch])
    store.write(IDS, VECTORS, mode="cpu")
    found = store.rows(Shards(tmp_path / "images"), np.array([2, 0]), np.float32)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, VECTORS[[2, 0]])  # the vectors of "d" are not there

"""Stage layers on vectors of known layers: which are taken, on one scale, and passed on."""

import numpy as np
import pyarrow as pa
import pytest

from pipeline.artifacts import images
from pipeline.artifacts.images import images_schema
from pipeline.artifacts.layers import read_layers
from pipeline.artifacts.vectors import FEATURES, VECTORS, VectorStore
from pipeline.core.parquet import Shards, shard_ids, write_shards
from pipeline.layers.stage import layers
from pipeline.layers.together import Together, equal_scales

ROWS = 240


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def paint(widths, vectors, *, labels, artists=None, apart=False):
    """data/images and data/vectors of these rows."""
    rows = [
        {
            "image_id": f"{i * 2654435761 % 2**64:016x}", "image": {"bytes": b"", "path": ""},
            "labels": ["ab"[label]], "artist": artists and artists[i],
            "split": ("train", "train", "validation", "test")[i % 4], "width": 1, "height": 1,
        }
        for i, label in enumerate(labels)
    ]  # fmt: skip
    schema = images_schema(classes=["a", "b"], artists_apart=apart)
    write_shards(images.PATH, schema, [pa.RecordBatch.from_pylist(rows, schema)])
    store = VectorStore.of({"widths": widths, "digest": "1"}, VECTORS)
    start = 0
    for path in Shards(images.PATH).paths:
        ids = shard_ids(path)
        store.write(ids, vectors[start : start + len(ids)].astype(np.float16), mode="painted")
        start += len(ids)
    return store


def features():
    store = VectorStore.open(FEATURES)
    ids = [shard_ids(path) for path in Shards(images.PATH).paths]
    return store, np.concatenate([store.read(some) for some in ids])


@pytest.fixture
def two(rng, place):
    """A layer that knows the artist alone, and one, of another scale, that knows the class."""
    artists = rng.integers(0, 24, ROWS)
    labels = artists % 2
    by_artist = np.eye(24)[artists] * 5 + rng.normal(size=(ROWS, 24)) * 0.1
    by_class = 1000 * (labels[:, None] + rng.normal(size=(ROWS, 4)) * 0.4)
    return np.hstack([by_artist, by_class]), labels, [f"{a}" for a in artists]


def test_the_choice_follows_the_split(two):
    vectors, labels, artists = two
    widths = [["of artists", 24], ["of classes", 4]]
    paint(widths, vectors, labels=labels, artists=artists, apart=True)
    assert layers(choose=True) == "layers: of classes; 4 of 28 features"
    store, found = features()
    assert store.widths == {"of classes": 4}
    assert store.provenance["digest"] == "1"
    table = read_layers().set_index("layer")
    assert list(table["chosen"]) == [False, True]
    assert table.loc["of artists", "by_picture"] > 0.95
    assert table.loc["of artists", "by_artist"] < 0.7
    assert table.loc["of classes", "by_artist"] > 0.9
    train = found[np.arange(ROWS) % 4 < 2].astype(float)
    assert np.var(train, axis=0).mean() == pytest.approx(1, rel=0.01)


def test_all_layers_on_one_scale(two):
    vectors, labels, artists = two
    paint([["a", 24], ["b", 4]], vectors, labels=labels, artists=artists)
    assert layers(choose=False) == "layers: a, b; 28 of 28 features"
    store, found = features()
    train = np.arange(ROWS) % 4 < 2
    for columns in (slice(0, 24), slice(24, 28)):
        assert np.var(found[train, columns].astype(float), axis=0).mean() == pytest.approx(
            1, rel=0.01
        )
    scales = store.provenance["scales"]
    expected = vectors[:, 24:].astype(np.float16).astype(float) * scales["b"]
    np.testing.assert_allclose(found[:, 24:], expected, rtol=2e-3, atol=1e-3)


def test_one_layer_passes_on_as_it_is(place, rng):
    vectors = rng.normal(size=(ROWS, 5)).astype(np.float16)
    store = paint([["last", 5]], vectors, labels=np.arange(ROWS) % 2)
    store.write(["gone"], vectors[:1], mode="painted")
    assert layers(choose=True) == "layers: last; 5 of 5 features"
    found, read = features()
    np.testing.assert_array_equal(read, vectors)
    assert found.provenance == store.provenance
    assert len(list(FEATURES.iterdir())) == len(Shards(images.PATH).paths)
    assert read_layers()[["by_picture", "by_artist"]].isna().all(axis=None)


def test_too_few_pictures_to_choose(place, rng):
    """Of fewer than five pictures of a class none is held out: all layers are taken."""
    paint([["a", 2], ["b", 2]], rng.normal(size=(8, 4)), labels=[0, 1] * 4)
    assert layers(choose=True) == "layers: a, b; 4 of 4 features"
    assert read_layers()["by_picture"].isna().all()


def test_a_missing_shard_is_named(place, rng, refused):
    for widths in ([["last", 4]], [["a", 2], ["b", 2]]):
        store = paint(widths, rng.normal(size=(ROWS, 4)), labels=np.arange(ROWS) % 2)
        path = sorted(store.folder.iterdir())[0]
        path.unlink()
        with refused(str(path), "is missing"):
            layers(choose=True)
        assert not FEATURES.exists()


def test_scales_of_layers_that_say_nothing(rng):
    widths = {"constant": 2, "b": 3}
    blocks = [np.hstack([np.full((10, 2), 7), rng.normal(size=(10, 3)) * 4]) for _ in range(3)]
    scales = equal_scales((b.astype(np.float16) for b in blocks), widths)
    assert scales["constant"] == 1
    assert scales["b"] == pytest.approx(1 / 4, rel=0.4)
    large = Together(widths, {"b": 1e9})(np.full((1, 5), 60000, np.float16))
    assert np.isfinite(large).all()

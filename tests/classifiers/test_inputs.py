"""What classifiers are trained on: each kind, in the order of the pictures."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from pipeline.artifacts import images
from pipeline.artifacts.components import component_rows, components_schema
from pipeline.artifacts.images import images_schema
from pipeline.artifacts.pixels import write_pixels
from pipeline.artifacts.vectors import VectorStore
from pipeline.classifiers.inputs import read_inputs
from pipeline.classifiers.params import LogisticRun
from pipeline.core.parquet import Shards, read_rows, shard_ids, write_shard, write_shards

COUNT = 300


def run(kind, **values):
    return LogisticRun(
        kind="logistic", C=1.0, input=kind, normalize="none", folds="none", threshold=0.5,
        repeats=1, seed=0, **values,
    )  # fmt: skip


def named(pixels):
    return ((f"{i}", picture) for i, picture in enumerate(pixels))


@pytest.fixture(scope="module")
def project(tmp_path_factory, picture):
    """data/images, components and features, whose vectors hold the picture's number."""
    folder = tmp_path_factory.mktemp("inputs")
    rows = [
        {
            "image_id": f"{i * 2654435761 % 2**64:016x}", "artist": f"{i % 9}",
            "image": {"bytes": picture(i % 20), "path": f"{i}.png"}, "labels": ["ab"[i % 2]],
            "split": ["train", "train", "test"][i % 3], "width": 24, "height": 16,
        }
        for i in range(COUNT)
    ]  # fmt: skip
    schema = images_schema(classes=["a", "b"], artists_apart=False)
    write_shards(folder / images.PATH, schema, [pa.RecordBatch.from_pylist(rows, schema)])
    components = components_schema(2, components_digest="1")
    store = VectorStore.of({"widths": [["a", 1], ["b", 2]]}, folder / "data/features")
    start = 0
    for path in Shards(folder / images.PATH).paths:
        batch = read_rows(path, ["image_id", "labels", "split"])
        numbers = np.arange(start, start + batch.num_rows, dtype=np.float32)[:, None]
        rows = [component_rows(batch, numbers.repeat(2, 1), components)]
        write_shard(folder / "data/components" / path.name, components, rows)
        store.write(shard_ids(path), numbers.repeat(3, 1).astype(np.float16), mode="by hand")
        start += batch.num_rows
    return folder


@pytest.fixture
def here(project, tmp_path, monkeypatch):
    """The project without pixels, as the working directory."""
    (tmp_path / "data").mkdir()
    for path in (project / "data").iterdir():
        (tmp_path / "data" / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("kind", "length"), [("components", 2), ("features", 3)])
def test_vectors_follow_the_pictures(here, kind, length):
    inputs = read_inputs(run(kind))
    assert (inputs.vectors.shape, inputs.vectors.dtype) == ((COUNT, length), np.float32)
    np.testing.assert_array_equal(inputs.vectors[:, 0], np.arange(COUNT))
    np.testing.assert_array_equal(inputs.targets[:4], [[1, 0], [0, 1], [1, 0], [0, 1]])
    assert list(inputs.split[:3]) == ["train", "train", "test"]
    assert inputs.image_shape is None
    assert inputs.provenance["input"] == kind


def test_some_layers(here, refused):
    assert read_inputs(run("features", layers=["b"])).vectors.shape == (COUNT, 2)
    with refused("layers names 'c'", "data/features has a, b"):
        read_inputs(run("features", layers=["a", "c"]))


@pytest.mark.parametrize("channels", [3, 1])
def test_pixels(here, rng, channels):
    small = rng.integers(0, 256, (COUNT, 8, 8, channels), np.uint8)
    write_pixels(named(small), small.shape, {"size": 8}, made_by="hand")
    inputs = read_inputs(run("pixels"))
    assert inputs.image_shape == (8, 8, channels)
    np.testing.assert_allclose(inputs.vectors, small.reshape(COUNT, -1) / 255, atol=1e-6)


def test_vectors_of_other_pictures(here, refused):
    with refused("pixels.json", "is missing"):
        read_inputs(run("pixels"))
    write_pixels(named(np.zeros((5, 8, 8, 3), np.uint8)), (5, 8, 8, 3), {}, made_by="hand")
    with refused("hold other pictures", "dvc repro"):
        read_inputs(run("pixels"))

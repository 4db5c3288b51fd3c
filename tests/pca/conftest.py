"""Pictures with vectors, as the stage finds them."""

import shutil

import numpy as np
import pyarrow as pa
import pytest
from project import ROOT

from pipeline.artifacts import images
from pipeline.artifacts.images import images_schema
from pipeline.artifacts.vectors import FEATURES, VectorStore
from pipeline.core.parquet import Shards, shard_ids, write_shards

ROWS, COLUMNS = 300, 40
SPLITS = ["train", "validation", "test"]


@pytest.fixture(scope="module")
def painted(tmp_path_factory):
    """A folder with params.yaml, data/images and data/features, and the vectors."""
    folder = tmp_path_factory.mktemp("pca")
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(ROWS, 8)) @ rng.normal(size=(8, COLUMNS)) + 3).astype(np.float16)
    ids = [f"{i * 2654435761 % 2**64:016x}" for i in range(ROWS)]
    rows = [
        {
            "image_id": image_id, "image": {"bytes": b"", "path": ""}, "labels": ["a"],
            "artist": None, "split": SPLITS[i % 3], "width": 1, "height": 1,
        }
        for i, image_id in enumerate(ids)
    ]  # fmt: skip
    schema = images_schema(classes=["a"])
    write_shards(folder / images.PATH, schema, [pa.RecordBatch.from_pylist(rows, schema)])
    store = VectorStore.of({"widths": [["last", COLUMNS]], "digest": "1"}, folder / FEATURES)
    position = dict(zip(ids, range(ROWS), strict=True))
    for path in Shards(folder / images.PATH).paths:
        some = shard_ids(path)
        store.write(some, X[[position[i] for i in some]], mode="painted")
    text = (ROOT / "params.yaml").read_text().replace("components: auto ", "components: 4 ")
    (folder / "params.yaml").write_text(text)
    return folder, X


@pytest.fixture
def place(painted, tmp_path, monkeypatch):
    """A copy of the folder to change, and in it."""
    folder = shutil.copytree(painted[0], tmp_path / "place")
    monkeypatch.chdir(folder)
    return folder

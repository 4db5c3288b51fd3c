"""data/images: their schema, and how `datasets` opens them."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from PIL import Image

from pipeline.artifacts.images import IMAGES, images_schema, one_hot
from pipeline.core.parquet import METADATA_KEY, metadata, write_shards


def test_one_hot():
    found = one_hot([["a"], ["c", "a"], ["b"], ["c"], ["a"]], ["a", "b", "c"])
    assert found.tolist() == [[1, 0, 0], [1, 0, 1], [0, 1, 0], [0, 0, 1], [1, 0, 0]]
    assert one_hot([], ["a", "b", "c"]).shape == (0, 3)
    with pytest.raises(KeyError, match="Dada"):
        one_hot([["Dada"]], ["a"])


def test_metadata_beside_that_of_datasets():
    schema = images_schema(classes=["Ā", "b"], split_by="artist")
    assert metadata(schema) == {"classes": ["Ā", "b"], "split_by": "artist"}
    assert set(schema.metadata) == {METADATA_KEY, b"huggingface"}
    features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    assert list(features) == IMAGES.names


@pytest.mark.filterwarnings("ignore")  # of `datasets` and what it imports
def test_datasets_opens_the_images_as_pictures(tmp_path, encode, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    from datasets import load_dataset
    from datasets.utils.logging import disable_progress_bar

    disable_progress_bar()
    colours = [(255, 0, 0), (0, 0, 255)]
    rows = [
        {
            "image_id": str(i),
            "image": {"bytes": encode(Image.new("RGB", (5, 4), colour)), "path": f"a/{i}.png"},
            "labels": ["Cubism", "Pop Art"][: i + 1],
            "artist": None if i else "Łucja",
            "split": "train",
            "width": 5,
            "height": 4,
        }
        for i, colour in enumerate(colours)
    ]
    schema = images_schema(classes=["Cubism", "Pop Art"])
    write_shards(tmp_path / "images", schema, [pa.RecordBatch.from_pylist(rows, schema)])
    opened = load_dataset(
        "parquet",
        data_files=str(tmp_path / "images" / "*.parquet"),
        split="train",
        cache_dir=str(tmp_path / "cache"),
    )
    assert len(opened) == 2
    for row, expected, colour in zip(opened, rows, colours, strict=True):
        assert row["image"].size == (5, 4)
        assert row["image"].convert("RGB").getpixel((2, 2)) == colour
        assert row["labels"] == expected["labels"]
        assert row["artist"] == expected["artist"]
    assert opened.features["labels"].feature.dtype == "string"

"""`data/images`: pictures with labels, artist and split, as Hugging Face `datasets` opens them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.core.errors import UserError
from pipeline.core.parquet import Shards, with_metadata

PATH = Path("data/images")

IMAGES = pa.schema(
    {
        "image_id": pa.string(),
        "image": pa.struct({"bytes": pa.binary(), "path": pa.string()}),
        "labels": pa.list_(pa.string()),
        "artist": pa.string(),
        "split": pa.string(),
        "width": pa.int32(),
        "height": pa.int32(),
    }
)
_STRING = {"dtype": "string", "_type": "Value"}
_INT32 = {"dtype": "int32", "_type": "Value"}
_HUGGINGFACE = {  # the same columns in the words of Hugging Face
    "image_id": _STRING,
    "image": {"_type": "Image"},
    "labels": {"feature": _STRING, "_type": "List"},
    "artist": _STRING,
    "split": _STRING,
    "width": _INT32,
    "height": _INT32,
}


def images_schema(**provenance: Any) -> pa.Schema:
    """IMAGES with its metadata for us (classes, split_by, artists_apart) and for `datasets`."""
    huggingface = json.dumps({"info": {"features": _HUGGINGFACE}})
    return with_metadata(IMAGES.with_metadata({"huggingface": huggingface}), **provenance)


@dataclass(frozen=True)
class Labelled:
    """All pictures with what is known of them.

    table: image_id, labels, artist, split; classes: their names; artists_apart: whether no artist
    is on two sides of the split.
    """

    table: pa.Table
    classes: list[str]
    artists_apart: bool

    @property
    def targets(self) -> NDArray[np.int8]:
        """(N, C) of 0 and 1."""
        return one_hot(self.table["labels"].to_pylist(), self.classes)

    @property
    def multilabel(self) -> bool:
        """Whether a picture may have several classes."""
        return any(len(row) != 1 for row in self.table["labels"].to_pylist())

    @property
    def split(self) -> NDArray[Any]:
        """(N,) of train, validation and test."""
        split: NDArray[Any] = self.table["split"].to_numpy()
        return split


def labelled(images: Shards, *, beside: Path, count: int) -> tuple[pa.Table, list[str], bool]:
    """The fields of `Labelled`. Errors: `UserError` unless `beside` holds as many, `count`."""
    table = images.read(["image_id", "labels", "artist", "split"])
    if count != table.num_rows:
        raise UserError(
            f"{beside} and {images.paths[0].parent} hold other pictures: run `dvc repro`"
        )
    return table, images.metadata["classes"], images.metadata["artists_apart"]


def held_out_artists(images: Shards) -> dict[str, str] | None:
    """image_id -> artist, where no artist is on two sides of the split; else None."""
    if not images.metadata["artists_apart"]:
        return None
    table = images.read(["image_id", "artist"])
    return dict(zip(table["image_id"].to_pylist(), table["artist"].to_pylist(), strict=True))


def one_hot(labels: list[list[str]], classes: list[str]) -> NDArray[np.int8]:
    """Lists of class names -> (N, C) of 0 and 1, columns in the order of `classes`."""
    targets = np.zeros((len(labels), len(classes)), np.int8)
    column = {name: i for i, name in enumerate(classes)}
    for row, names in enumerate(labels):
        targets[row, [column[name] for name in names]] = 1
    return targets

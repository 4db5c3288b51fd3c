"""What classifiers are trained on: components, features or pixels, with labels and split."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.errors import UserError
from pipeline.pixels import to_vectors
from pipeline.predictions import one_hot
from pipeline.tables import Shards, from_vectors, read_json, readable, shard_ids
from pipeline.vectors import VectorStore

Shape = tuple[int, int, int]


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


@dataclass(frozen=True)
class Inputs(Labelled):
    """One vector per picture.

    vectors: (N, D) float32; image_shape: (H, W, C) where they are pixels in 0..1; provenance: which
    vectors these are.
    """

    vectors: NDArray[np.float32]
    image_shape: Shape | None
    provenance: dict[str, Any]


@dataclass(frozen=True)
class PixelInputs(Labelled):
    """The pixels of each picture: (N, H, W, C) uint8, mapped into memory; options: how made."""

    pixels: NDArray[np.uint8]
    options: dict[str, Any]


def read_inputs(images_dir: Path, folder: Path, kind: str) -> Inputs:
    """The pictures' vectors of this kind, all in memory. Errors: `UserError`."""
    images = Shards(images_dir)
    vectors, shape, provenance = READERS[kind](images, folder)
    return Inputs(
        *_labelled(images, folder, len(vectors)), vectors, shape, {"input": kind, **provenance}
    )


def read_pixel_inputs(images_dir: Path, folder: Path) -> PixelInputs:
    """The pictures' pixels. Errors: `UserError`."""
    pixels, options = open_pixels(folder)
    return PixelInputs(*_labelled(Shards(images_dir), folder, len(pixels)), pixels, options)


def open_pixels(folder: Path) -> tuple[NDArray[np.uint8], dict[str, Any]]:
    """(N, H, W, C), mapped into memory, and how they were made. Errors: `UserError`."""
    stored = read_json(folder / "pixels.json")
    with readable(folder / "pixels.npy"):
        return np.load(folder / "pixels.npy", mmap_mode="c"), stored


def _labelled(images: Shards, folder: Path, count: int) -> tuple[pa.Table, list[str], bool]:
    table = images.read(["image_id", "labels", "artist", "split"])
    if count != table.num_rows:
        raise UserError(
            f"{folder} and {images.paths[0].parent} hold other pictures: run `dvc repro`"
        )
    return table, images.metadata["classes"], images.metadata["artists_apart"]


Read = tuple[NDArray[np.float32], Shape | None, dict[str, Any]]


def _components(images: Shards, folder: Path) -> Read:
    shards = Shards(folder)
    vectors = from_vectors(shards.read(["components"])["components"])
    return vectors, None, {"components_digest": shards.metadata["components_digest"]}


def _features(images: Shards, folder: Path) -> Read:
    store = VectorStore.open(folder)
    vectors = np.empty((images.rows, store.dimension), np.float32)
    start = 0
    for path in images.paths:
        block = store.read(shard_ids(path))
        vectors[start : start + len(block)] = block
        start += len(block)
    return vectors, None, {"features": store.provenance}


def _pixels(images: Shards, folder: Path) -> Read:
    pixels, stored = open_pixels(folder)
    return to_vectors(pixels), pixels.shape[1:], {"pixels": stored}


READERS: dict[str, Callable[[Shards, Path], Read]] = {
    "components": _components,
    "features": _features,
    "pixels": _pixels,
}

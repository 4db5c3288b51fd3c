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
class Inputs:
    """One vector per picture.

    table: image_id, labels, artist, split; vectors: (N, D) float32; image_shape: (H, W, C) where
    they are pixels in 0..1; classes: their names; artists_apart: whether no artist is on two sides
    of the split; provenance: which vectors these are.
    """

    table: pa.Table
    vectors: NDArray[np.float32]
    image_shape: Shape | None
    classes: list[str]
    artists_apart: bool
    provenance: dict[str, Any]

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


def read_inputs(images_dir: Path, folder: Path, kind: str) -> Inputs:
    """The pictures' vectors of this kind, all in memory. Errors: `UserError`."""
    images = Shards(images_dir)
    table = images.read(["image_id", "labels", "artist", "split"])
    vectors, shape, provenance = READERS[kind](images, folder)
    if len(vectors) != table.num_rows:
        raise UserError(f"{folder} and {images_dir} hold other pictures: run `dvc repro`")
    return Inputs(
        table=table,
        vectors=vectors,
        image_shape=shape,
        classes=images.metadata["classes"],
        artists_apart=images.metadata["artists_apart"],
        provenance={"input": kind, **provenance},
    )


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
    stored = read_json(folder / "pixels.json")
    with readable(folder / "pixels.npy"):
        pixels = np.load(folder / "pixels.npy", mmap_mode="r")
    return to_vectors(pixels), pixels.shape[1:], {"pixels": stored}


READERS: dict[str, Callable[[Shards, Path], Read]] = {
    "components": _components,
    "features": _features,
    "pixels": _pixels,
}

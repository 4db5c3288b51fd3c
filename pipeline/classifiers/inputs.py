"""What classifiers are trained on: components, features or pixels, with labels and split."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.artifacts import components, images, pixels
from pipeline.artifacts.images import Labelled, labelled
from pipeline.artifacts.pixels import Shape, to_floats
from pipeline.artifacts.vectors import FEATURES, VectorStore, columns_of
from pipeline.classifiers.params import Run, Wanted
from pipeline.core.parquet import Shards, shard_ids


@dataclass(frozen=True)
class Dataset:
    """Vectors (N, D) float32 and targets (N, C) of 0 and 1.

    multilabel: whether a row may have several classes; image_shape: (H, W, C) where the vectors are
    pixels in 0..1.
    """

    vectors: NDArray[np.float32]
    targets: NDArray[np.int8]
    multilabel: bool
    image_shape: Shape | None

    def __getitem__(self, rows: NDArray[Any]) -> Dataset:
        return replace(self, vectors=self.vectors[rows], targets=self.targets[rows])


@dataclass(frozen=True)
class Inputs(Labelled):
    """One vector per picture.

    vectors: (N, D) float32; image_shape: (H, W, C) where they are pixels in 0..1; provenance: which
    vectors these are.
    """

    vectors: NDArray[np.float32]
    image_shape: Shape | None
    provenance: dict[str, Any]

    @property
    def data(self) -> Dataset:
        """What a classifier is trained on and scored with."""
        return Dataset(
            self.vectors, self.targets, multilabel=self.multilabel, image_shape=self.image_shape
        )


def read_inputs(run: Run) -> Inputs:
    """The pictures' vectors that a run learns from, all in memory. Errors: `UserError`."""
    pictures = Shards(images.PATH)
    folder, read = KINDS[run.input]
    found, shape, provenance = read(pictures, run.layers)
    table, classes, apart = labelled(pictures, beside=folder, count=len(found))
    return Inputs(table, classes, apart, found, shape, {"input": run.input, **provenance})


Read = tuple[NDArray[np.float32], Shape | None, dict[str, Any]]


def _components(_: Shards, layers: Wanted) -> Read:
    found, digest = components.read_components()
    return found.astype(np.float32, copy=False), None, {"components_digest": digest}


def _features(pictures: Shards, layers: Wanted) -> Read:
    store = VectorStore.open()
    columns = slice(None) if layers == "all" else columns_of(layers, store.widths)
    found = np.empty((pictures.rows, len(np.arange(store.dimension)[columns])), np.float32)
    start = 0
    for path in pictures.paths:
        block = store.read(shard_ids(path))[:, columns]
        found[start : start + len(block)] = block
        start += len(block)
    return found, None, {"features": store.provenance}


def _pixels(_: Shards, layers: Wanted) -> Read:
    found, stored = pixels.open_pixels()
    return to_floats(found), found.shape[1:], {"pixels": stored}


# A run's `input` -> where its vectors lie, and how they are read.
KINDS: dict[str, tuple[Path, Callable[[Shards, Wanted], Read]]] = {
    "components": (components.PATH, _components),
    "features": (FEATURES, _features),
    "pixels": (pixels.PATH, _pixels),
}

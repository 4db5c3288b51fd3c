"""Features of new pictures, as those of the training pictures are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.artifacts.models import FOLDER
from pipeline.artifacts.vectors import VectorStore
from pipeline.compute.parallel import ordered_map
from pipeline.core.errors import UserError
from pipeline.core.parquet import Shards, read_rows, shard_ids
from pipeline.ingest.sources.tree import FolderTree
from pipeline.next.choosing import nearest_squared
from pipeline.predict import FromBackbone

BATCH = 32  # pictures that are read at a time


class Features:
    """The features that the classifiers see, each less its mean over the training pictures, in its
    deviations. Errors: `UserError` where the models are of other features."""

    def __init__(self, pictures: Shards) -> None:
        self.pictures, self.store = pictures, VectorStore.open()
        self.backbone = FromBackbone(FOLDER, "features")
        if self.backbone.provenance != {"features": self.store.provenance}:
            raise UserError(
                f"{self.store.folder} and {FOLDER} do not belong together: run `dvc repro`"
            )
        count, sums, squares = 0, np.zeros(self.store.dimension), np.zeros(self.store.dimension)
        for block in self._training():
            count += len(block)
            sums += block.sum(axis=0, dtype=np.float64)
            squares += np.square(block, dtype=np.float64).sum(axis=0)
        self.mean = (sums / count).astype(np.float32)
        variance = np.maximum(squares / count - np.square(sums / count), 0)
        self.deviation = np.where(variance > 0, np.sqrt(variance), 1).astype(np.float32)

    def of(self, files: Sequence[Path]) -> NDArray[np.float32]:
        """(N, D) of these pictures."""

        def prepare(path: Path) -> NDArray[np.uint8]:
            return self.backbone.prepare(FolderTree(path.parent).read(path.name))

        found = [
            self.backbone.vectors(np.stack(list(ordered_map(prepare, files[i : i + BATCH]))))
            for i in range(0, len(files), BATCH)
        ]
        return self._standard(np.concatenate(found))

    def nearest_squared(self, x: NDArray[np.float32]) -> NDArray[Any]:
        """(N,): the squared distances to the nearest training picture."""
        return nearest_squared(x, map(self._standard, self._training()))

    def _standard(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        return (vectors - self.mean) / self.deviation

    def _training(self) -> Iterator[NDArray[np.float32]]:
        for path in self.pictures.paths:
            train = read_rows(path, ["split"])["split"].to_numpy(False) == "train"
            yield self.store.read(shard_ids(path))[train].astype(np.float32)

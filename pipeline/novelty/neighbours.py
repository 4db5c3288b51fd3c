"""Pictures that are none of the classes, by the distance of their features to those of training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pipeline.core.tensors import loading_model, save_model

Array = NDArray[np.floating[Any]]

K = 10  # the nearest training picture but nine; fewer of fewer pictures
KEPT = 0.95  # of the validation pictures
BLOCK = 1024  # pictures whose distances are held at once


@dataclass(frozen=True)
class Neighbours:
    """known: (N, D) float16, features of training pictures, each of length 1; threshold: the
    distance beyond which a picture is none of the classes, from 0 to 2, or infinity."""

    known: NDArray[np.float16]
    threshold: float

    @classmethod
    def of(cls, train: Array, validation: Array) -> Self:
        """Of features (N, D) and (M, D): the threshold keeps a share KEPT of the latter."""
        known = _of_length_1(train).astype(np.float16)
        if not len(validation):
            return cls(known, float("inf"))
        distances = cls(known, 0.0).distances(validation)
        return cls(known, float(np.quantile(distances, KEPT, method="higher")))

    def distances(self, features: Array) -> NDArray[np.float32]:
        """(M, D) -> (M,): to the K-th nearest training picture, all features made of length 1 (Sun,
        Ming, Zhu & Li 2022, arXiv 2204.06507, eq. 3)."""
        known = self.known.astype(np.float32)
        k = min(K, len(known))
        nearest = [
            -np.partition(-(_of_length_1(features[i : i + BLOCK]) @ known.T), k - 1)[:, k - 1]
            for i in range(0, len(features), BLOCK)
        ]
        cosines = np.concatenate([np.empty(0, np.float32), *nearest])
        found: NDArray[np.float32] = np.sqrt((2 - 2 * cosines).clip(0)).astype(np.float32)
        return found

    def foreign(self, features: Array) -> NDArray[np.bool_]:
        """(M, D) -> (M,): which are farther than the threshold."""
        return self.distances(features) > self.threshold

    def save(self, path: Path, **provenance: Any) -> None:
        """Write `path` (safetensors) and the .json beside it."""
        tensors = {"known": self.known, "threshold": np.array(self.threshold)}
        save_model(path, tensors, **provenance)

    @classmethod
    def load(cls, path: Path) -> tuple[Self, dict[str, Any]]:
        """What `save` wrote, and its provenance. Errors: `UserError`."""
        with loading_model(path) as (tensors, stored):
            return cls(tensors["known"], float(tensors["threshold"])), stored


def _of_length_1(features: Array) -> NDArray[np.float32]:
    x = features.astype(np.float32)
    length = np.linalg.norm(x, axis=1, keepdims=True)
    unit: NDArray[np.float32] = (x / np.where(length > 0, length, 1)).astype(np.float32)
    return unit

"""Some layers of a vector side by side, on one scale."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.artifacts.vectors import places


@dataclass(frozen=True)
class Together:
    """Vectors (N, D) of layers with these `widths` -> those of the layers in `scales`, each
    multiplied by its scale."""

    widths: Mapping[str, int]
    scales: Mapping[str, float]

    def __call__(self, vectors: NDArray[np.float16]) -> NDArray[np.float16]:
        parts = [
            vectors[:, columns].astype(np.float32) * np.float32(self.scales[name])
            for name, columns in places(self.widths)
            if name in self.scales
        ]
        limit = np.finfo(np.float16).max
        return np.hstack(parts).clip(-limit, limit).astype(np.float16)

    @property
    def kept(self) -> dict[str, int]:
        """The widths of the layers in `scales`, in order."""
        return {name: width for name, width in self.widths.items() if name in self.scales}


def equal_scales(
    blocks: Iterable[NDArray[np.float16]], widths: Mapping[str, int]
) -> dict[str, float]:
    """What makes the mean variance of each layer's features 1, over all rows of the blocks."""
    dimension = sum(widths.values())
    count, sums, squares = 0, np.zeros(dimension), np.zeros(dimension)
    for block in blocks:
        rows = block.astype(np.float64)
        count += len(rows)
        sums += rows.sum(axis=0)
        squares += np.square(rows).sum(axis=0)
    variance = np.maximum(squares / count - np.square(sums / count), 0)
    means = {name: float(variance[columns].mean()) for name, columns in places(widths)}
    return {name: 1 / np.sqrt(mean) if mean > 0 else 1.0 for name, mean in means.items()}

"""What networks on pixels are trained on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pipeline.artifacts import images, pixels
from pipeline.artifacts.images import Labelled, labelled
from pipeline.core.parquet import Shards


@dataclass(frozen=True)
class PixelInputs(Labelled):
    """The pixels of each picture: (N, H, W, C) uint8, mapped into memory; options: how made."""

    pixels: NDArray[np.uint8]
    options: dict[str, Any]


def read_pixel_inputs() -> PixelInputs:
    """The pictures' pixels. Errors: `UserError`."""
    found, options = pixels.open_pixels()
    table, classes, apart = labelled(Shards(images.PATH), beside=pixels.PATH, count=len(found))
    return PixelInputs(table, classes, apart, found, options)


@dataclass(frozen=True)
class Pictures:
    """Some rows of an array of pictures, read when they are asked for.

    pixels: (M, H, W, C) uint8, in memory or mapped into it; rows: (N,); targets: (N, L) of 0 and 1.
    """

    pixels: NDArray[np.uint8]
    rows: NDArray[np.int64]
    targets: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        return (self.pixels[row] for row in self.rows)

    def __getitem__(self, part: slice) -> NDArray[np.uint8]:
        return self.pixels[self.rows[part]]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, C)."""
        _, *shape = self.pixels.shape
        return (shape[0], shape[1], shape[2])


def as_input(pixels: Tensor) -> Tensor:
    """(N, H, W, C) uint8 -> (N, C, H, W) float32 in 0..1, channels last in memory."""
    return pixels.permute(0, 3, 1, 2).float() / 255

"""Pictures at one small size, as classifiers on pixels see them."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.images import decode_rgb

Colour = Literal["rgb", "grey"]


def decode_pixels(data: bytes, *, size: int, colour: Colour) -> NDArray[np.uint8]:
    """An encoded picture -> (size, size, 3 or 1), proportions lost. Errors: `PictureError`."""
    image = decode_rgb(data).convert("RGB" if colour == "rgb" else "L")
    resized = image.resize((size, size), Image.Resampling.BILINEAR)
    return np.array(resized).reshape(size, size, -1)


def to_vectors(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(N, H, W, C) in 0..255 -> (N, H * W * C) in 0..1."""
    vectors = pixels.reshape(len(pixels), -1).astype(np.float32)
    vectors /= 255
    return vectors


def square_picture(n_features: int) -> tuple[int, int, int] | None:
    """(H, W, C) of the square picture, grey or RGB, with so many values; None: there is none."""
    for channels in (1, 3):
        side = math.isqrt(n_features // channels)
        if side * side * channels == n_features:
            return side, side, channels
    return None

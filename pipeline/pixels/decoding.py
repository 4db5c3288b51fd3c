"""An encoded picture at one small size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.compute.pictures import decode_rgb
from pipeline.pixels.params import Colour

Decoded = NDArray[np.uint8]


def decode_pixels(data: bytes, *, size: int, colour: Colour) -> Decoded:
    """An encoded picture -> (size, size, 3 or 1), proportions lost. Errors: `PictureError`."""
    image = decode_rgb(data).convert("RGB" if colour == "rgb" else "L")
    resized = image.resize((size, size), Image.Resampling.BILINEAR)
    return np.array(resized).reshape(size, size, -1)

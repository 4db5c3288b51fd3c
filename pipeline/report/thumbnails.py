"""Pictures on the page, as data URIs."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

THUMBNAIL_SIDE = 168  # pixels; a thumbnail is about 8 kB, so 2 x 96 of them stay below 2 MB


def jpeg_uri(image: Image.Image) -> str:
    """The data URI of a thumbnail."""
    jpeg = thumbnail_jpeg(image, side=THUMBNAIL_SIDE)
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def png_uri(pixels: NDArray[np.uint8], *, scale: int = 1) -> str:
    """The data URI of `encode_png`."""
    return f"data:image/png;base64,{base64.b64encode(encode_png(pixels, scale=scale)).decode()}"


def encode_png(pixels: NDArray[np.uint8], *, scale: int = 1) -> bytes:
    """(H, W, 3) -> a PNG, each pixel a square of `scale` pixels."""
    image = Image.fromarray(pixels)
    enlarged = image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)
    buffer = io.BytesIO()
    enlarged.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def thumbnail_jpeg(image: Image.Image, *, side: int) -> bytes:
    """A JPEG of `image` with its longer side at `side` pixels at most."""
    small = image.copy()
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=82)
    return buffer.getvalue()

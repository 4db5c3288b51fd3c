"""`data/pixels`: every picture at one small size, uint8, in the order of data/images."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.checksums import file_checksum
from pipeline.core.files import read_json, readable, replacing, write_checked_json

PATH = Path("data/pixels")

Shape = tuple[int, int, int]


def write_pixels(
    pictures: Iterable[NDArray[np.uint8]],
    shape: tuple[int, int, int, int],
    options: dict[str, Any],
    folder: Path = PATH,
) -> None:
    """N arrays (H, W, C), their shape (N, H, W, C) and how they were made; whole or not at all."""
    with replacing(folder) as temporary:
        temporary.mkdir()
        with (temporary / "pixels.npy").open("wb") as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            for picture in pictures:  # written, not mapped: on a full disk a map ends the process
                file.write(picture.tobytes())
        stored = {**options, "array": file_checksum(temporary / "pixels.npy")}
        write_checked_json(temporary / "pixels.json", stored, indent=None)


def open_pixels(folder: Path = PATH) -> tuple[NDArray[np.uint8], dict[str, Any]]:
    """(N, H, W, C), mapped into memory, and how they were made. Errors: `UserError`."""
    path, options = folder / "pixels.npy", read_json(folder / "pixels.json")
    with readable(path):
        if file_checksum(path) != options.pop("array"):
            raise ValueError("it is not as it was written")
        return np.load(path, mmap_mode="c"), options


def to_floats(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(N, H, W, C) in 0..255 -> (N, H * W * C) in 0..1."""
    vectors = pixels.reshape(len(pixels), -1).astype(np.float32)
    vectors /= 255
    return vectors

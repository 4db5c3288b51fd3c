"""`data/pixels`: every picture at one small size, uint8, in the order of data/images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.checksums import file_checksum
from pipeline.core.errors import UserError
from pipeline.core.files import read_json, readable, replacing, write_checked_json

PATH = Path("data/pixels")

Shape = tuple[int, int, int]


def write_pixels(
    pictures: Iterable[tuple[str, NDArray[np.uint8]]],
    shape: tuple[int, int, int, int],
    options: Mapping[str, Any],
    *,
    made_by: str,
    folder: Path = PATH,
) -> None:
    """N image_ids with arrays (H, W, C), their shape (N, H, W, C), how they were made and by which
    code; whole or not at all."""
    ids: list[str] = []
    with replacing(folder) as temporary:
        temporary.mkdir()
        with (temporary / "pixels.npy").open("wb") as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            for image_id, picture in pictures:  # written, not mapped: where the disk is full, a map
                ids.append(image_id)  # ends the process
                file.write(picture.tobytes())
        array = file_checksum(temporary / "pixels.npy")
        stored = {"options": options, "made_by": made_by, "image_ids": ids, "array": array}
        write_checked_json(temporary / "pixels.json", stored, indent=None)


def open_pixels(folder: Path = PATH) -> tuple[NDArray[np.uint8], dict[str, Any]]:
    """(N, H, W, C), mapped into memory, and how they were made. Errors: `UserError`."""
    stored = read_json(folder / "pixels.json")
    return _mapped(folder, stored), stored["options"]


def kept_pixels(
    options: Mapping[str, Any], *, made_by: str, folder: Path = PATH
) -> dict[str, NDArray[np.uint8]]:
    """image_id -> (H, W, C) of what is there undamaged, made so and by this code."""
    with suppress(UserError):
        stored = read_json(folder / "pixels.json")
        if (stored.get("options"), stored.get("made_by")) == (options, made_by):
            return dict(zip(stored["image_ids"], _mapped(folder, stored), strict=True))
    return {}


def _mapped(folder: Path, stored: Mapping[str, Any]) -> NDArray[np.uint8]:
    path = folder / "pixels.npy"
    with readable(path):
        if file_checksum(path) != stored["array"]:
            raise ValueError("it is not as it was written")
        mapped: NDArray[np.uint8] = np.load(path, mmap_mode="c")
        return mapped


def to_floats(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(N, H, W, C) in 0..255 -> (N, H * W * C) in 0..1."""
    vectors = pixels.reshape(len(pixels), -1).astype(np.float32)
    vectors /= 255
    return vectors

"""What decoding tells of a file."""

from __future__ import annotations

from pipeline.artifacts.examinations import Examination
from pipeline.compute.pictures import PictureError, examine
from pipeline.ingest.hashing import ENOUGH, perceptual_hash


def examination(data: bytes, *, max_pixels: int, hashes: bool) -> Examination:
    """Of one picture, encoded. max_pixels: above, it is not decoded and an error. hashes: whether
    its perceptual hash is wanted."""
    try:
        found = examine(data, max_pixels=max_pixels, at_least=ENOUGH)
    except PictureError as error:
        return Examination(str(error))
    return Examination(
        error=None,
        width=found.width,
        height=found.height,
        format=found.format,
        mode=found.mode,
        unread_exif=found.unread_exif,
        hash=perceptual_hash(found.grey) if hashes else None,
    )

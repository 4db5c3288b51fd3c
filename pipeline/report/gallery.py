"""Pictures on the page, with what is said of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pipeline.compute.pictures import decode_rgb
from pipeline.core.parquet import Shards
from pipeline.report.thumbnails import jpeg_uri


@dataclass(frozen=True)
class Shown:
    """A thumbnail as a data URI, one beside it, its path, and the lines below."""

    uri: str
    path: str
    lines: tuple[str, ...]
    beside: str | None = None


def rows_of(images: Shards, image_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """image_id -> its row of data/images."""
    return {row["image_id"]: row for row in images.take(set(image_ids))}


def show(row: dict[str, Any], *lines: str, beside: str | None = None) -> Shown:
    """The picture of a row of data/images with `lines` below, and its artist where known."""
    artist = (row["artist"],) if row["artist"] else ()
    uri = jpeg_uri(decode_rgb(row["image"]["bytes"]))
    return Shown(uri, row["image"]["path"], (*lines, *artist), beside)

"""`data/examined.parquet`: what decoding told of every picture of the source, by its content."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.core.errors import UserError
from pipeline.core.parquet import metadata, read_file, with_metadata, write_file

PATH = Path("data/examined.parquet")

_SCHEMA = pa.schema(
    {
        "image_id": pa.string(),
        "error": pa.string(),
        "width": pa.int32(),
        "height": pa.int32(),
        "format": pa.string(),
        "mode": pa.string(),
        "unread_exif": pa.bool_(),
        "hash": pa.uint64(),
    }
)


@dataclass(frozen=True, slots=True)
class Examination:
    """What decoding told of a file, whatever its name and labels.

    error: why it is no picture that can be used, in words, or None; then nothing else is known.
    width, height: pixels, as seen. format, mode, unread_exif: as in `compute.pictures.Examined`.
    hash: its perceptual hash, None where it is flat or none was asked for.
    """

    error: str | None
    width: int = 0
    height: int = 0
    format: str = ""
    mode: str = ""
    unread_exif: bool = False
    hash: int | None = None


def write_examinations(
    found: Mapping[str, Examination], options: Mapping[str, Any], *, made_by: str
) -> None:
    """By image_id, with what decided them and which code made them; whole or not at all."""
    ids = sorted(found)
    columns = {
        name: ids if name == "image_id" else [getattr(found[i], name) for i in ids]
        for name in _SCHEMA.names
    }
    schema = with_metadata(_SCHEMA, options=options, made_by=made_by)
    write_file(PATH, pa.table(columns, schema))


def kept_examinations(options: Mapping[str, Any], *, made_by: str) -> dict[str, Examination]:
    """image_id -> what is there undamaged, decided by the same and made by this code."""
    with suppress(UserError):
        table = read_file(PATH)
        if metadata(table.schema) == {"options": options, "made_by": made_by}:
            ids, *columns = (column.to_pylist() for column in table.columns)
            return {i: Examination(*row) for i, *row in zip(ids, *columns, strict=True)}
    return {}


def read_hashes() -> dict[str, int]:
    """image_id -> the perceptual hash, of those that have one. Errors: `UserError`."""
    table = read_file(PATH)
    rows = zip(table["image_id"].to_pylist(), table["hash"].to_pylist(), strict=True)
    return {image_id: code for image_id, code in rows if code is not None}

"""What the columns of a table say about a picture, whatever holds the table."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np

from pipeline.core.errors import UserError
from pipeline.ingest.sources.params import DescribedSource
from pipeline.ingest.sources.picture import Picture
from pipeline.ingest.sources.tree import one_form, text


def check_columns(wanted: Collection[str | None], there: Collection[str], *, where: str) -> None:
    """Errors: `UserError` for a wanted column that is not there; None is not wanted."""
    if missing := [name for name in wanted if name is not None and name not in there]:
        raise UserError(f"{where} has no column {missing[0]!r}; it has: {', '.join(there)}")


def describe(
    row: Mapping[str, object],
    params: DescribedSource,
    *,
    path: str,
    where: str,
    split: str | None = None,
) -> Picture:
    """A picture without its data: labels from all of `params.labels`, and its artist.

    where: the row as a message names it. Errors: `UserError` for a row without a label.
    """
    labels = [x for name in params.labels for x in to_labels(row[name], params.separator)]
    if not labels:
        raise UserError(
            f"{where} has no label in {' or '.join(params.labels)}: give it one, or leave it out"
        )
    artist = to_labels(row[params.artist], None) if params.artist is not None else ()
    return Picture(b"", path, tuple(dict.fromkeys(labels)), ", ".join(artist) or None, split)


def to_labels(cell: object, separator: str | None) -> tuple[str, ...]:
    """The labels in a cell: a text, parted at `separator`, a list of them, a number, or nothing."""
    if isinstance(cell, str):
        parts = cell.split(separator) if separator is not None else [cell]
    elif isinstance(cell, list | tuple | np.ndarray):
        parts = [str(part) for part in cell if part is not None]
    else:
        parts = [] if cell is None or cell != cell else [str(cell)]  # NaN is nothing
    stripped = (one_form(part).strip() for part in parts)
    return tuple(dict.fromkeys(part for part in stripped if part))


def with_image(picture: Picture, cell: object) -> Picture:
    """`picture` with the bytes in a cell, and at the end of its path the name beside them.

    A cell holds bytes, or {bytes, path} as Hugging Face writes pictures. An empty one gives no
    bytes: it is rejected like an empty file.
    """
    if not isinstance(cell, Mapping):
        return replace(picture, data=cell if isinstance(cell, bytes) else b"")
    name = text((cell.get("path") or "").rpartition("/")[2])
    path = f"{picture.path}/{name}" if name else picture.path
    return replace(picture, data=cell.get("bytes") or b"", path=path)

"""A source as `ingest.source` names it -> its pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline.core.dotted import dotted
from pipeline.ingest.sources.params import Source
from pipeline.ingest.sources.picture import Picture


def open_source(params: Source, folder: Path) -> Iterator[Picture | str]:
    """The pictures, always in the same order, between them what the summary says of the source.

    folder: `ingest.input`. Errors: `UserError`.
    """
    pictures: Iterator[Picture | str] = dotted(params.reader)(params, folder)
    return pictures

"""`reports/next.html`: the first pictures to label."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from pipeline.compute.pictures import decode_rgb
from pipeline.ingest.sources.tree import FolderTree
from pipeline.report.gallery import Shown
from pipeline.report.page import make_environment
from pipeline.report.thumbnails import jpeg_uri


def render(table: pd.DataFrame, files: Sequence[Path], *, run: str, among: int, most: int) -> str:
    """The page's HTML, with `most` of the pictures of `table`, whose files these are."""
    shown = [
        Shown(
            jpeg_uri(decode_rgb(FolderTree(file.parent).read(file.name))),
            str(row.path),
            (f"{row.rank}: {row.reason}",),
        )
        for row, file in zip(table.head(most).itertuples(), files, strict=False)
    ]
    environment = make_environment(Path(__file__).parent)
    template = environment.get_template("next.html.jinja")
    return template.render(shown=shown, run=run, among=among, listed=len(table))

"""`reports/diff.html`: each run in both revisions, and the pictures that changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.core.parquet import Shards
from pipeline.diff.between import Between
from pipeline.report.gallery import Shown, rows_of, show
from pipeline.report.page import make_environment


def render(old: str, new: str, runs: Sequence[Between], images: Shards, *, most: int) -> str:
    """The page's HTML, with `most` of the pictures that changed of each run, where `images` have
    them."""
    first = [in_order(run.changed).head(most) for run in runs]
    rows = rows_of(images, (image_id for changed in first for image_id in changed["image_id"]))
    return (
        make_environment(Path(__file__).parent)
        .get_template("diff.html.jinja")
        .render(
            old=old,
            new=new,
            runs=[(run, shown(changed, rows)) for run, changed in zip(runs, first, strict=True)],
        )
    )


def in_order(changed: pd.DataFrame) -> pd.DataFrame:
    """Newly wrong, then newly right, then the others."""
    before, after = changed["old_right"].astype(bool), changed["new_right"].astype(bool)
    keys = {"lost": ~(before & ~after), "won": ~(after & ~before)}
    ordered = changed.assign(**keys).sort_values(["lost", "won"], kind="stable")
    return ordered.drop(columns=list(keys))


def shown(changed: pd.DataFrame, rows: Mapping[str, dict[str, Any]]) -> list[Shown]:
    """Those that are there."""
    return [
        show(
            rows[str(change.image_id)],
            f"{change.old} → {change.new}",
            f"is {change.label}" + (", newly labelled" if change.relabelled else ""),
        )
        for change in changed.itertuples()
        if str(change.image_id) in rows
    ]

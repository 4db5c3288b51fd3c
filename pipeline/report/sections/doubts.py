"""Labels that may be wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from pipeline.artifacts import insight
from pipeline.report.experiment import Experiment
from pipeline.report.gallery import Shown, rows_of, show
from pipeline.report.section import Section

PAIRS_SHOWN = 10


def section(experiment: Experiment) -> Section:
    doubted = insight.read_summary()["doubts"]
    doubts, noise = insight.read_doubts(), insight.read_noise()
    first = doubts.head(experiment.whole["insight"]["doubts"]["shown"])
    rows = rows_of(experiment.images, first["image_id"])
    seen = set(doubts["image_id"])
    return Section(
        {
            **doubted,
            "pictures": len(seen),
            "estimated": noise["share"].sum() * doubted["scored"],
            "unseen": len(experiment.ids) - doubted["scored"],
            "pairs": pairs(noise.head(PAIRS_SHOWN)),
            "shown": [_show(rows, doubt) for doubt in first.itertuples()],
        }
    )


def pairs(noise: pd.DataFrame) -> list[Mapping[Any, Any]]:
    """Each row in words, with its numbers."""
    return [
        {**row, "words": _words(row["given"], row["actual"])} for row in noise.to_dict("records")
    ]


def _words(given: str, actual: str) -> str:
    """A doubt, or an error: "" stands for the label not being there."""
    if not given:
        return f"{actual} is missing"
    return f"{given}, but is {actual}" if actual else f"{given} is wrong"


def _show(rows: Mapping[str, dict[str, Any]], doubt: Any) -> Shown:
    row = rows[doubt.image_id]
    labels = f"labelled {', '.join(row['labels'])}"
    if doubt.given and doubt.suggested:
        said = f"rather {doubt.suggested}"
    else:
        said = f"without {doubt.given}?" if doubt.given else f"{doubt.suggested} too?"
    return show(row, said, labels, f"{doubt.split}, {doubt.score:+.2f}")

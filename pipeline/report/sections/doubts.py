"""Labels that may be wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.artifacts import corrections, insight
from pipeline.artifacts.audits import read_audit
from pipeline.report.experiment import Experiment
from pipeline.report.gallery import Shown, rows_of, show
from pipeline.report.section import Section

PAIRS_SHOWN = 10


@dataclass(frozen=True)
class Change:
    """To relabel a picture: the label that it loses and the one that it gets, "" for none."""

    words: str
    loses: str
    gets: str


@dataclass(frozen=True)
class Doubt:
    """A doubted label with its picture, the picture's labels, and how these may be changed."""

    shown: Shown
    image_id: str
    labels: list[str]
    changes: list[Change]


def section(experiment: Experiment) -> Section:
    doubted = insight.read_summary()["doubts"]
    rows = read_audit()["corrections"]["rows"]
    doubts, settled = unsettled(insight.read_doubts(), rows)
    noise = insight.read_noise()
    first = doubts.head(experiment.whole["insight"]["doubts"]["shown"])
    pictures = rows_of(experiment.images, first["image_id"])
    return Section(
        {
            **doubted,
            "listed": len(doubts),
            "pictures": doubts["image_id"].nunique(),
            "settled": settled,
            "estimated": noise["share"].sum() * doubted["scored"],
            "unseen": len(experiment.ids) - doubted["scored"],
            "pairs": pairs(noise.head(PAIRS_SHOWN)),
            "shown": [_doubt(pictures, doubt, experiment.classes) for doubt in first.itertuples()],
            "corrections": {
                "columns": corrections.COLUMNS,
                "separator": corrections.SEPARATOR,
                "rows": rows,
            },
            "corrections_path": corrections.PATH,
        }
    )


def unsettled(doubts: pd.DataFrame, rows: Sequence[Mapping[str, str]]) -> tuple[pd.DataFrame, int]:
    """The doubts of pictures that nobody has looked at, and how many pictures the others are of.

    rows: the corrections that were applied.
    """
    known = doubts["image_id"].isin([row["image_id"] for row in rows])
    return doubts[~known], doubts.loc[known, "image_id"].nunique()


def changes(
    given: str, suggested: str, labels: Sequence[str], classes: Sequence[str]
) -> list[Change]:
    """How the picture may be relabelled, what is suggested first; every picture keeps a label.

    Of a label that is to be taken away (suggested "") or added (given ""), this alone; of one that
    is to be another, any class.
    """
    if not given:
        return [Change(f"{suggested} too", "", suggested)]
    if not suggested and len(labels) > 1:
        return [Change(f"without {given}", given, "")]
    others = [name for name in classes if name not in (suggested, *labels)]
    return [Change(name, given, name) for name in [suggested, *others] if name]


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


def _doubt(pictures: Mapping[str, dict[str, Any]], doubt: Any, classes: Sequence[str]) -> Doubt:
    row = pictures[doubt.image_id]
    if doubt.given and doubt.suggested:
        said = f"rather {doubt.suggested}"
    else:
        said = f"without {doubt.given}?" if doubt.given else f"{doubt.suggested} too?"
    labels = f"labelled {', '.join(row['labels'])}"
    return Doubt(
        show(row, said, labels, f"{doubt.split}, {doubt.score:+.2f}"),
        doubt.image_id,
        row["labels"],
        changes(doubt.given, doubt.suggested, row["labels"], classes),
    )

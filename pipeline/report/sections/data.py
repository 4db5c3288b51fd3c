"""The pictures: how many of each class and split, and some of them."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd
from numpy.random import Generator

from pipeline.report.charts import SPLIT_COLOURS, Figure
from pipeline.report.distribution import CLASSES_SHOWN
from pipeline.report.experiment import Experiment
from pipeline.report.gallery import rows_of, show
from pipeline.report.section import Section


def section(experiment: Experiment) -> Section:
    rng = np.random.default_rng(experiment.whole["evaluate"]["seed"])
    count = experiment.whole["report"]["samples"]
    chosen = [experiment.ids[i] for i in choose_samples(experiment.labels, count, rng=rng)]
    rows = rows_of(experiment.images, chosen)
    ingest = experiment.whole["ingest"]
    generated = ingest["source"]["kind"] == "generated"
    pictures = experiment.pictures
    return Section(
        {
            "source": "painted by the pipeline itself" if generated else f"from {ingest['input']}",
            "classes_shown": CLASSES_SHOWN,
            "samples": [show(rows[i], ", ".join(rows[i]["labels"])) for i in chosen],
        },
        charts={"distribution": chart(pictures[pictures["class"].isin(experiment.shown)])},
    )


def choose_samples(labels: Sequence[Sequence[str]], count: int, *, rng: Generator) -> list[int]:
    """Positions of `count` pictures, in random order but each class in turn, as far as they go."""
    queues: dict[str, list[int]] = {}
    for position in rng.permutation(len(labels)):
        queues.setdefault(labels[position][0], []).append(int(position))
    chosen: list[int] = []
    while len(chosen) < count and any(queues.values()):
        for name in sorted(queues):
            if queues[name] and len(chosen) < count:
                chosen.append(queues[name].pop())
    return chosen


def chart(pictures: pd.DataFrame) -> Figure:
    """Pictures per class and split. pictures: columns class, split, count, order."""
    return (
        alt.Chart(pictures)
        .mark_bar()
        .encode(
            x=alt.X("count:Q", title="pictures"),
            y=alt.Y("class:N", sort="-x", title=None),
            color=alt.Color(
                "split:N",
                scale=alt.Scale(domain=list(SPLIT_COLOURS), range=list(SPLIT_COLOURS.values())),
            ),
            order=alt.Order("order:Q"),
            tooltip=["class:N", "split:N", "count:Q"],
        )
        .properties(width=560, height=alt.Step(22))
    )

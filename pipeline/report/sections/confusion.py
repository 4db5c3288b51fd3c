"""Which classes are taken for which."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd

from pipeline.artifacts.scores import read_confusion
from pipeline.report.charts import Figure, run_choice
from pipeline.report.experiment import Experiment
from pipeline.report.section import Section


def section(experiment: Experiment) -> Section:
    pairs = pd.concat(
        read_confusion(run).value_counts().reset_index().assign(run=run) for run in experiment.runs
    )
    lumped = lump(pairs, experiment.shown)
    return Section(charts={"confusion": chart(lumped, experiment.runs, experiment.best)})


def lump(pairs: pd.DataFrame, shown: list[str]) -> pd.DataFrame:
    """The confusions of the classes `shown`; what was taken for another is "other classes".

    pairs: columns run, actual, predicted, count.
    """
    rows = pairs[pairs["actual"].isin(shown)]
    predicted = rows["predicted"].where(rows["predicted"].isin(shown), "other classes")
    groups = rows.assign(predicted=predicted).groupby(["run", "actual", "predicted"])
    return groups["count"].sum().reset_index()


def chart(pairs: pd.DataFrame, runs: Sequence[str], shown: str) -> Figure:
    """Share of each class's pictures by the class that scored highest, one run at a time.

    pairs: columns run, actual, predicted, count. `shown` is the run shown at first.
    """
    totals = pairs.groupby(["run", "actual"])["count"].transform("sum")
    shares = pairs.assign(share=pairs["count"] / totals)
    base = (
        alt.Chart(shares)
        .encode(
            x=alt.X("predicted:N", title="predicted", axis=alt.Axis(labelAngle=-40)),
            y=alt.Y("actual:N", title="actual"),
        )
        .transform_filter("datum.run === run")
    )
    tooltip = ["actual:N", "predicted:N", alt.Tooltip("share:Q", format=".1%"), "count:Q"]
    cells = base.mark_rect().encode(
        color=alt.Color("share:Q", scale=alt.Scale(scheme="blues", domain=[0, 1]), legend=None),
        tooltip=tooltip,
    )
    text = base.mark_text(fontSize=11).encode(
        text=alt.Text("share:Q", format=".0%"),
        color=alt.condition("datum.share > 0.55", alt.value("white"), alt.value("#333")),
        tooltip=tooltip,
    )
    layers = alt.layer(cells, text).add_params(run_choice(runs, shown))
    return layers.properties(width=alt.Step(44), height=alt.Step(30))

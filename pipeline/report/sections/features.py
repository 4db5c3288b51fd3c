"""What the classifiers see: the backbone's features and their principal components."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from pipeline.artifacts.components import read_variance
from pipeline.report.charts import Figure, thin
from pipeline.report.experiment import Experiment
from pipeline.report.section import Section


def section(experiment: Experiment) -> Section:
    variance = read_variance()
    return Section(
        {
            "layer": experiment.whole["features"]["layer"],
            "components": len(variance),
            "kept": variance["cumulative"].max(),
        },
        charts={"explained_variance": chart(thin(variance, "component"))} if len(variance) else {},
    )


def chart(variance: pd.DataFrame) -> Figure:
    """Share of each component and of all up to it.

    variance: columns component, ratio, cumulative.
    """
    x = alt.X("component:Q", title="component", axis=alt.Axis(tickMinStep=1))
    tooltip: list[Any] = [
        "component:Q",
        alt.Tooltip("ratio:Q", format=".2%"),
        alt.Tooltip("cumulative:Q", format=".1%"),
    ]
    base = alt.Chart(variance).encode(x=x, tooltip=tooltip).properties(width=330, height=200)
    each = base.mark_line(point={"size": 12}).encode(
        y=alt.Y("ratio:Q", title="share of the variance", axis=alt.Axis(format="%"))
    )
    scale = alt.Scale(domain=[0, 1])
    total = base.mark_area(line=True, opacity=0.25).encode(
        y=alt.Y("cumulative:Q", title="all up to it", axis=alt.Axis(format="%"), scale=scale)
    )
    return alt.hconcat(each, total)

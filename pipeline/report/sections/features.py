"""What the classifiers see: layers of the backbone and their principal components."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from pipeline.artifacts.components import read_variance
from pipeline.artifacts.layers import read_layers
from pipeline.report.charts import Figure, thin
from pipeline.report.experiment import Experiment
from pipeline.report.section import Section

WAYS = {"by_picture": "by picture", "by_artist": "by artist"}


def section(experiment: Experiment) -> Section:
    variance, layers = read_variance(), read_layers()
    charts: dict[str, Figure] = {}
    accuracies = layers.dropna(axis="columns", how="all")
    ways = [way for way in WAYS if way in accuracies]
    if ways:
        charts["layers"] = layer_chart(accuracies, ways)
    if len(variance):
        charts["explained_variance"] = chart(thin(variance, "component"))
    chosen = layers[layers["chosen"]]
    return Section(
        {
            "pool": experiment.whole["features"]["pool"],
            "chosen": chosen["layer"].tolist(),
            "features": chosen["width"].sum(),
            "among": len(layers) if experiment.whole["features"]["layers"] == "auto" else None,
            "by": "artist" if experiment.artists_apart else "picture",
            "probed": bool(ways),
            "components": len(variance),
            "kept": variance["cumulative"].max(),
        },
        charts=charts,
    )


def layer_chart(layers: pd.DataFrame, ways: list[str]) -> Figure:
    """Accuracy of each layer alone; full points are those that were taken.

    layers: columns layer, chosen and of each of `ways`; in the order of the network.
    """
    long = layers.melt(["layer", "chosen"], ways, "held out", "accuracy").replace(WAYS)
    base = alt.Chart(long).encode(
        x=alt.X("layer:N", sort=None, title=None, axis=alt.Axis(labelAngle=-40)),
        y=alt.Y("accuracy:Q", title="accuracy of the layer alone", scale=alt.Scale(zero=False)),
        color=alt.Color("held out:N", sort=None, legend=alt.Legend(title="held out")),
        tooltip=["layer:N", "held out:N", alt.Tooltip("accuracy:Q", format=".3f"), "chosen:N"],
    )
    points = base.mark_point(size=60, opacity=1).encode(
        fill=alt.condition("datum.chosen", "held out:N", alt.value("white"), sort=None, legend=None)
    )
    return alt.layer(base.mark_line(), points).properties(width=alt.Step(44), height=210)


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

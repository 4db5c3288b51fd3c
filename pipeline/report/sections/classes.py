"""Scores of each class: at the runs' thresholds, at others, and for all of them."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd

from pipeline.artifacts.scores import PER_CLASS, ROC, THRESHOLDS, read_table
from pipeline.report.charts import Figure, by_support, run_choice, run_colour, run_legend, run_shape
from pipeline.report.experiment import Experiment
from pipeline.report.section import Section

ROC_SHOWN = 10  # classes; more lines cannot be told apart
MEASURES = ["precision", "recall", "F1"]


def section(experiment: Experiment) -> Section:
    shown, runs, best = experiment.shown, experiment.runs, experiment.best

    def of(table: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
        return table[table["class"].isin(classes)]

    charts = {
        "per_class": per_class(of(read_table(PER_CLASS), shown), runs),
        "thresholds": thresholds(of(read_table(THRESHOLDS), shown), runs, best),
    }
    curves = read_table(ROC)
    if len(curves):
        charts["roc"] = roc(of(curves, shown[:ROC_SHOWN]), runs, best)
    return Section({"roc_shown": ROC_SHOWN}, charts)


def per_class(scores: pd.DataFrame, runs: Sequence[str]) -> Figure:
    """Precision, recall and F1 of each class. scores: columns run, class, the three, support."""
    named = scores.rename(columns={"f1": "F1"})
    long = named.melt(["run", "class", "support"], MEASURES, "measure")
    legend = run_legend(scores)
    return (
        alt.Chart(long)
        .mark_point(filled=True, size=70, opacity=0.85)
        .encode(
            x=alt.X("value:Q", title=None, scale=alt.Scale(domain=[0, 1])),
            y=alt.Y("class:N", sort=by_support(scores), title=None, axis=alt.Axis(grid=True)),
            color=run_colour(runs, legend),
            shape=run_shape(runs, legend),
            tooltip=["run:N", "class:N", "support:Q", alt.Tooltip("value:Q", format=".3f")],
        )
        .properties(width=215, height=alt.Step(24))
        .facet(alt.Column("measure:N", sort=MEASURES, title=None))
    )


def thresholds(scores: pd.DataFrame, runs: Sequence[str], shown: str) -> Figure:
    """Precision, recall and F1 of each class at a threshold that the reader moves.

    scores: columns run, class, threshold, precision, recall, f1, support. `shown`: the first run.
    """
    named = scores.rename(columns={"f1": "F1"})
    long = named.melt(["run", "class", "threshold", "support"], MEASURES, "measure")
    low, high = scores["threshold"].min(), scores["threshold"].max()
    slider = alt.binding_range(min=low, max=high, step=low, name="threshold ")
    threshold = alt.param(name="threshold", value=0.5, bind=slider)
    return (
        alt.Chart(long)
        .transform_filter("datum.run === of && abs(datum.threshold - threshold) < 0.001")
        .mark_bar(height=9)
        .encode(
            x=alt.X("value:Q", title=None, scale=alt.Scale(domain=[0, 1])),
            y=alt.Y("class:N", sort=by_support(scores), title=None),
            tooltip=["class:N", "support:Q", alt.Tooltip("value:Q", format=".3f")],
        )
        .properties(width=215, height=alt.Step(20))
        .facet(alt.Column("measure:N", sort=MEASURES, title=None))
        .add_params(threshold, run_choice(runs, shown, parameter="of"))
    )


def roc(curves: pd.DataFrame, runs: Sequence[str], shown: str) -> Figure:
    """The ROC curve of each class, one run at a time.

    curves: columns run, class, auc, false_positive_rate, true_positive_rate. `shown` is the run
    shown at first.
    """
    chance = alt.Chart(pd.DataFrame({"rate": [0, 1]})).mark_line(strokeDash=[5, 4], color="#666")
    lines = (
        alt.Chart(curves)
        .transform_filter("datum.run === run")
        .mark_line()
        .encode(
            x=alt.X("false_positive_rate:Q", title="false positive rate"),
            y=alt.Y("true_positive_rate:Q", title="true positive rate"),
            color=alt.Color("class:N", legend=alt.Legend(orient="right")),
            tooltip=["class:N", alt.Tooltip("auc:Q", title="area", format=".3f")],
        )
    )
    return (
        alt.layer(chance.encode(x="rate:Q", y="rate:Q"), lines)
        .add_params(run_choice(runs, shown))
        .properties(width=330, height=330)
    )

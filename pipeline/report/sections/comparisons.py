"""Runs under splits by picture and by artist: what knowing the artists is worth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from pipeline.artifacts.comparisons import read_comparison
from pipeline.measure.intervals import resampled_interval
from pipeline.report.charts import Figure, run_colour, run_shape
from pipeline.report.experiment import Experiment
from pipeline.report.section import Section


def section(experiment: Experiment) -> Section | None:
    """None where nothing was compared, or the pictures have no artists."""
    tables = {run: read_comparison(run) for run in experiment.whole["comparisons"]}
    found = {run: draws for run, draws in tables.items() if len(draws)}
    if not found:
        return None
    inputs = {experiment.whole["classifiers"][run]["input"] for run in found}
    draws = pd.concat([table.assign(run=run) for run, table in found.items()])
    return Section(
        {
            "comparisons": {run: comparison(table) for run, table in found.items()},
            "projected": "components" in inputs and experiment.whole["pca"]["components"] != "none",
        },
        charts={"comparisons": chart(draws, experiment.runs)},
    )


def comparison(draws: pd.DataFrame) -> dict[str, Any]:
    """What a comparison found by split, and the difference of the accuracies.

    splits: split -> `accuracy`, the mean over the draws, its `sd`, and the counts train, test,
    artists, known_artists as text, from least to most where draws differ; difference, low, high:
    accuracy by picture less that by artist, with its 95 % interval.
    """
    accuracy = draws.pivot(index="draw", columns="split", values="accuracy")
    difference = accuracy["picture"] - accuracy["artist"]
    ratio = draws["test"].sum() / draws["train"].sum()
    low, high = resampled_interval(difference.to_numpy(), ratio=ratio)
    by_split = draws.groupby("split", sort=False)
    found = by_split[["train", "test", "artists", "known_artists"]].agg(_least_to_most)
    found = found.assign(accuracy=accuracy.mean(), sd=accuracy.std())
    return {
        "splits": found.to_dict("index"),
        "draws": len(accuracy),
        "difference": difference.mean(),
        "low": low,
        "high": high,
    }


def _least_to_most(counts: pd.Series[int]) -> str:
    least, most = counts.min(), counts.max()
    return str(least) if least == most else f"{least} to {most}"


def chart(draws: pd.DataFrame, runs: Sequence[str]) -> Figure:
    """Accuracy of each draw by picture and by artist, with means. draws: run, split, accuracy."""
    names = [f"by {split}" for split in draws["split"].drop_duplicates()]
    base = alt.Chart().encode(
        x=alt.X("accuracy:Q", title="test accuracy (hit@1)", scale=alt.Scale(zero=False)),
        y=alt.Y("split:N", sort=names, title=None),
        color=run_colour(runs, None),
    )
    each = base.mark_point(filled=True, size=45, opacity=0.4).encode(
        shape=run_shape(runs, None),
        tooltip=["run:N", "split:N", "draw:Q", alt.Tooltip("accuracy:Q", format=".3f")],
    )
    mean = base.mark_tick(thickness=3, size=20).encode(x="mean(accuracy):Q")
    layers = alt.layer(each, mean).properties(width=420, height=alt.Step(26))
    order = list(draws["run"].drop_duplicates())
    header = alt.Header(labelAngle=0, labelAlign="left")
    return layers.facet(
        data=draws.assign(split="by " + draws["split"]),
        row=alt.Row("run:N", sort=order, title=None, header=header),
    )

"""How the trainings went: loss and accuracies by epoch, and what the members of ensembles leave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt
import numpy as np
import pandas as pd

from pipeline.artifacts.scores import CURVES, read_table
from pipeline.artifacts.trainings import Training
from pipeline.report.charts import (
    TRAINING_TITLES,
    Figure,
    run_colour,
    run_dash,
    run_legend,
    run_shape,
    thin,
)
from pipeline.report.clipping import Range, scale, usual_range
from pipeline.report.experiment import Experiment
from pipeline.report.section import Section

DASH_SHOWN = 900  # size of a legend's symbol, which is as wide as its root


def section(experiment: Experiment) -> Section | None:
    """None where no run has epochs."""
    history = read_table(CURVES)
    if history.empty:
        return None
    by_run = history.groupby("run", sort=False)
    thinned = pd.concat(thin(curve, "epoch") for _, curve in by_run)
    loss = usual_range(history, "loss", of="run")
    charts = {"curves": curves(thinned, experiment.runs, loss)}
    norms = residual_norms(experiment.trainings)
    norm = usual_range(norms, "norm", of="run")
    if len(norms):
        charts["residuals"] = residuals(norms, experiment.runs, norm)
    dropped = {run: training.dropped for run, training in experiment.trainings.items()}
    return Section({"loss": loss, "norm": norm, "dropped": dropped}, charts)


def residual_norms(trainings: Mapping[str, Training]) -> pd.DataFrame:
    """Columns run, member, norm: the mean over the classes, of the runs that have members."""
    rows = [
        (run, member, float(np.mean(norms)))
        for run, training in trainings.items()
        for member, norms in enumerate(training.residual_norms, 1)
    ]
    return pd.DataFrame(rows, columns=["run", "member", "norm"])


def curves(history: pd.DataFrame, runs: Sequence[str], loss: Range | None) -> Figure:
    """Loss, training and validation accuracy per epoch.

    history: columns run, epoch, loss, accuracy, validation_accuracy (means over the repeats).
    loss: what is shown of it.
    """
    legend = run_legend(history)
    legend.symbolType, legend.symbolSize = "stroke", DASH_SHOWN
    base = alt.Chart(history).encode(x=alt.X("epoch:Q", axis=alt.Axis(tickMinStep=1)))
    shown = {column: loss if column == "loss" else None for column in TRAINING_TITLES}
    return alt.hconcat(
        *(
            base.mark_line(clip=shown[column] is not None)
            .encode(
                y=alt.Y(f"{column}:Q", title=None, scale=scale(shown[column])),
                color=run_colour(runs, legend),
                strokeDash=run_dash(runs, legend),
                tooltip=["run:N", "epoch:Q", alt.Tooltip(f"{column}:Q", format=".3f")],
            )
            .properties(width=245, height=210, title=title)
            for column, title in TRAINING_TITLES.items()
        )
    )


def residuals(norms: pd.DataFrame, runs: Sequence[str], norm: Range | None) -> Figure:
    """Norm of what is left after each member, mean over the classes.

    norms: columns run, member, norm. norm: what is shown of it.
    """
    legend = run_legend(norms)
    base = alt.Chart(norms).encode(
        x=alt.X("member:Q", axis=alt.Axis(tickMinStep=1)),
        y=alt.Y(
            "norm:Q", title="residual norm, mean over the classes", scale=scale(norm, zero=True)
        ),
        color=run_colour(runs, legend),
        tooltip=["run:N", "member:Q", alt.Tooltip("norm:Q", format=".3f")],
    )
    line = base.mark_line(clip=norm is not None).encode(strokeDash=run_dash(runs, None))
    points = base.mark_point(filled=True, size=40, opacity=1, clip=norm is not None).encode(
        shape=run_shape(runs, legend)
    )
    layers = alt.layer(line, points).resolve_legend(strokeDash="independent")
    return layers.properties(width=330, height=210)

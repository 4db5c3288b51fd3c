"""The strengths of penalties that linear classifiers tried on the validation pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt
import pandas as pd

from pipeline.artifacts.trainings import Training
from pipeline.measure.accuracy import Tried, best_tried
from pipeline.report.charts import Figure, run_colour, run_dash, run_legend, run_shape
from pipeline.report.clipping import scale
from pipeline.report.experiment import Experiment
from pipeline.report.section import Section

PANELS = {"log_loss": "validation log loss", "accuracy": "validation accuracy"}


def section(experiment: Experiment) -> Section | None:
    """None where no run has a penalty to choose."""
    chosen = chosen_of(experiment.trainings)
    if not chosen:
        return None
    classifiers = experiment.whole["classifiers"]
    knobs = {run: "C" if "C" in classifiers[run] else "alpha" for run in chosen}
    charts = {
        knob: chart(paths(experiment.trainings, [r for r in knobs if knobs[r] == knob]), knob,
                    experiment.runs)
        for knob in dict.fromkeys(knobs.values())
    }  # fmt: skip
    return Section({"chosen": chosen, "knobs": knobs}, charts)


def chosen_of(trainings: Mapping[str, Training]) -> dict[str, Tried]:
    """The best of each run that tried some."""
    return {run: best_tried(made.path) for run, made in trainings.items() if made.path}


def paths(trainings: Mapping[str, Training], runs: Sequence[str]) -> pd.DataFrame:
    """Columns run, value, log_loss, accuracy and chosen."""
    rows = [
        (run, tried.value, tried.log_loss, tried.accuracy, tried == best_tried(trainings[run].path))
        for run in runs
        for tried in trainings[run].path
    ]
    return pd.DataFrame(rows, columns=["run", "value", "log_loss", "accuracy", "chosen"])


def chart(path: pd.DataFrame, knob: str, runs: Sequence[str]) -> Figure:
    """Log loss and accuracy on validation by the penalty, that which was chosen with a point.

    path: columns run, value, log_loss, accuracy, chosen. knob: what the values are of.
    """
    legend = run_legend(path)
    x = alt.X(
        "value:Q", title=knob, scale=alt.Scale(type="log"), axis=alt.Axis(format=".0e", grid=False)
    )
    base = alt.Chart(path).encode(x=x, color=run_colour(runs, legend))

    def panel(column: str, title: str) -> Figure:
        shown = base.encode(
            y=alt.Y(f"{column}:Q", title=None, scale=scale(None)),
            tooltip=["run:N", alt.Tooltip("value:Q", format=".2g"),
                     *(alt.Tooltip(f"{name}:Q", format=".3f") for name in PANELS)],
        )  # fmt: skip
        line = shown.mark_line().encode(strokeDash=run_dash(runs, None))
        points = shown.mark_point(filled=True, size=60, opacity=1).encode(
            shape=run_shape(runs, legend)
        ).transform_filter(alt.datum["chosen"])  # fmt: skip
        layers = alt.layer(line, points).resolve_legend(strokeDash="independent")
        return layers.properties(width=330, height=200, title=title)

    return alt.hconcat(*(panel(column, title) for column, title in PANELS.items()))

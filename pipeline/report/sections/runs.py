"""The runs side by side: scores, sizes and, where they are, times."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd

from pipeline.artifacts.times import run_times_path
from pipeline.report.charts import Figure, run_colour, run_shape
from pipeline.report.experiment import Experiment
from pipeline.report.seconds import seconds_data, taken
from pipeline.report.section import Section


def section(experiment: Experiment) -> Section:
    paths = {run: run_times_path(run) for run in experiment.runs}
    taken_by = {
        run: {
            what: taken(path, experiment.trainings[run].digest, what)
            for what in ("mean", "per_epoch")
        }
        for run, path in paths.items()
    }
    repeats = {run: training.repeats for run, training in experiment.trainings.items()}
    rows = [{"run": run, **of["mean"]} for run, of in taken_by.items()]
    columns = ["accuracy", "accuracy_low", "accuracy_high"]
    table = pd.DataFrame(experiment.scores).T[columns].rename_axis("run").reset_index()
    chart = alt.hconcat(
        accuracy(table, experiment.baseline, experiment.runs), seconds(rows, experiment.runs)
    )
    return Section(
        {
            "taken_by": taken_by,
            "repeated": {run: count for run, count in repeats.items() if count > 1},
        },
        charts={"accuracy": chart},
        times=list(paths.values()),
    )


def accuracy(scores: pd.DataFrame, baseline: float, runs: Sequence[str]) -> Figure:
    """Test accuracy of each run with its interval, and that of always the commonest class.

    scores: columns run, accuracy, accuracy_low, accuracy_high.
    """
    base = alt.Chart(scores).encode(y=alt.Y("run:N", sort=list(runs), title=None))
    x = alt.X("accuracy_low:Q", title="test accuracy (hit@1)", scale=alt.Scale(zero=False))
    tooltip = ["run:N", *(alt.Tooltip(f"{c}:Q", format=".3f") for c in scores.columns[1:])]
    interval = base.mark_rule(strokeWidth=3).encode(
        x=x, x2="accuracy_high:Q", color=run_colour(runs, None)
    )
    point = base.mark_point(filled=True, size=110, opacity=1).encode(
        x="accuracy:Q", color=run_colour(runs, None), shape=run_shape(runs, None), tooltip=tooltip
    )
    rule = (
        alt.Chart(pd.DataFrame({"accuracy": [baseline], "what": ["always the commonest class"]}))
        .mark_rule(strokeDash=[5, 4], color="#666")
        .encode(x="accuracy:Q", tooltip=["what:N", alt.Tooltip("accuracy:Q", format=".3f")])
    )
    return alt.layer(rule, interval, point).properties(width=420, height=alt.Step(34))


def seconds(rows: Iterable[Mapping[str, Any]], runs: Sequence[str]) -> Figure:
    """Training time of each run, seconds of one training. rows: `run` and what is `taken`."""
    every = alt.Scale(domain=list(runs))  # level with the accuracies, whatever times are missing
    base = alt.Chart(seconds_data(rows)).encode(
        x=alt.X("seconds:Q", title="training, seconds"),
        y=alt.Y("run:N", title=None, axis=None, scale=every),
        color=run_colour(runs, None),
        tooltip=["run:N", alt.Tooltip("seconds:Q", format=".2f")],
    )
    end = base.mark_point(filled=True, size=110, opacity=1).encode(shape=run_shape(runs, None))
    return alt.layer(base.mark_bar(height=3), end).properties(width=220, height=alt.Step(34))

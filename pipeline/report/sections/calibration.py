"""Whether the runs' scores can be taken for probabilities, and sets of classes instead of one."""

from __future__ import annotations

import math

import altair as alt
import pandas as pd

from pipeline.artifacts import insight
from pipeline.report.charts import Figure, run_choice, run_colour
from pipeline.report.experiment import Experiment
from pipeline.report.section import Section


def section(experiment: Experiment) -> Section:
    table = insight.read_calibration().set_index("run")
    sets = insight.read_conformal().set_index("run")
    return Section(
        {
            "calibration": table.to_dict("index"),
            "applied": {
                run: training.temperature
                for run, training in experiment.trainings.items()
                if training.temperature is not None
            },
            "sets": sets.to_dict("index"),
            "coverage": experiment.whole["insight"]["coverage"],
            "infinite": math.inf,
        },
        charts={
            "reliability": reliability(insight.read_reliability(), experiment.runs, experiment.best)
        },
    )


def reliability(bins: pd.DataFrame, runs: list[str], best: str) -> Figure:
    """Accuracy by confidence of one run that the reader chooses. bins: as in RELIABILITY."""
    axis = alt.Scale(domain=[0, 1])
    base = (
        alt.Chart(bins)
        .transform_filter("datum.run === run")
        .encode(
            x=alt.X("confidence:Q", title="confidence, mean of a bin", scale=axis),
            y=alt.Y("accuracy:Q", title="share that is right", scale=axis),
            color=run_colour(runs, None),
        )
    )
    tooltip = ["run:N", "count:Q", *(alt.Tooltip(f"{c}:Q", format=".3f") for c in bins.columns[3:])]
    points = base.mark_point(filled=True, opacity=1).encode(
        size=alt.Size("count:Q", scale=alt.Scale(range=[20, 400]), legend=None), tooltip=tooltip
    )
    ends = pd.DataFrame({"confidence": [0, 1], "accuracy": [0, 1]})
    diagonal = (
        alt.Chart(ends)
        .mark_line(strokeDash=[5, 4], color="#666")
        .encode(x="confidence:Q", y="accuracy:Q")
    )
    layers = alt.layer(diagonal, points).properties(width=340, height=340)
    return layers.add_params(run_choice(runs, best))

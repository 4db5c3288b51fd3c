"""Which runs the test tells apart from the best one."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd

from pipeline.report.charts import Figure, run_colour, run_shape
from pipeline.report.experiment import Experiment
from pipeline.report.section import Section

SIGNED = ["accuracy", "macro_f1"]


def section(experiment: Experiment) -> Section | None:
    """None of a single run."""
    if len(experiment.runs) == 1:
        return None
    table = from_run(experiment.differences, experiment.best)
    return Section(
        {"differences": table.to_dict("records"), "unclear": experiment.not_told_apart},
        charts={"differences": chart(table, experiment.runs)},
    )


def from_run(differences: pd.DataFrame, run: str) -> pd.DataFrame:
    """The rows with `run`, each as `run` less the other, in the column `run` that other."""
    first = differences[differences["run"] == run].assign(run=lambda rows: rows["other"])
    second = differences[differences["other"] == run]
    turned = second.assign(only_run=second["only_other"], only_other=second["only_run"])
    for name in SIGNED:
        turned[name] = -second[name]
        turned[f"{name}_low"], turned[f"{name}_high"] = (
            -second[f"{name}_high"],
            -second[f"{name}_low"],
        )
    return pd.concat([turned, first]).drop(columns="other")


def chart(table: pd.DataFrame, runs: Sequence[str]) -> Figure:
    """The difference of the accuracies to each run with its interval. table: as `from_run`'s."""
    points = table.assign(**{c: 100 * table[c] for c in table.columns if c.startswith("accuracy")})
    points = points[["run", "accuracy", "accuracy_low", "accuracy_high"]]
    base = alt.Chart(points).encode(y=alt.Y("run:N", sort=list(runs), title=None))
    title = "test accuracy of the best run less that of this one, points"
    interval = base.mark_rule(strokeWidth=3).encode(
        x=alt.X("accuracy_low:Q", title=title), x2="accuracy_high:Q", color=run_colour(runs, None)
    )
    point = base.mark_point(filled=True, size=110, opacity=1).encode(
        x="accuracy:Q",
        color=run_colour(runs, None),
        shape=run_shape(runs, None),
        tooltip=["run:N", *(alt.Tooltip(f"{c}:Q", format=".1f") for c in points.columns[1:])],
    )
    zero = alt.Chart(pd.DataFrame({"x": [0]})).mark_rule(color="#666").encode(x="x:Q")
    return alt.layer(zero, interval, point).properties(width=560, height=alt.Step(30))

"""Right for the right reason? What cues that see nothing of the pictures tell of their classes."""

from __future__ import annotations

import altair as alt
import pandas as pd

from pipeline.artifacts import insight
from pipeline.report.charts import Figure
from pipeline.report.experiment import Experiment
from pipeline.report.section import Section


def section(experiment: Experiment) -> Section | None:
    """None where no cue is another of some pictures than of others."""
    table = insight.read_shortcuts()
    if table.empty:
        return None
    *kinds, together = table.to_dict("records")
    best = experiment.scores[experiment.best]["accuracy"]
    return Section(
        {
            "majority": together["accuracy"] - together["above"],
            "together": together,
            "telling": [row for row in kinds if row["above_low"] > 0],
            "best_accuracy": best,
            "within": insight.read_summary()["within_artists"],
        },
        charts={"shortcuts": chart(table, best)},
    )


def chart(table: pd.DataFrame, best: float) -> Figure:
    """Accuracy of each kind of cue with the interval of what it adds to the majority, the majority
    and the best run. table: as in SHORTCUTS."""
    majority = float((table["accuracy"] - table["above"]).iloc[0])
    rows = table.assign(low=majority + table["above_low"], high=majority + table["above_high"])
    base = alt.Chart(rows).encode(y=alt.Y("cues:N", sort=list(rows["cues"]), title=None))
    interval = base.mark_rule(strokeWidth=3, color="#4c78a8").encode(
        x=alt.X("low:Q", title="test accuracy (hit@1)"), x2="high:Q"
    )
    numbers = [alt.Tooltip(f"{c}:Q", format=".3f") for c in ("accuracy", "low", "high")]
    point = base.mark_point(filled=True, size=110, opacity=1, color="#4c78a8").encode(
        x="accuracy:Q",
        tooltip=["cues:N", *numbers],
    )
    marks = pd.DataFrame(
        {"accuracy": [majority, best], "what": ["always the commonest class", "the best run"]}
    )
    rule = (
        alt.Chart(marks)
        .mark_rule(strokeDash=[5, 4], color="#666")
        .encode(x="accuracy:Q", tooltip=["what:N", alt.Tooltip("accuracy:Q", format=".3f")])
    )
    return alt.layer(rule, interval, point).properties(width=560, height=alt.Step(30))

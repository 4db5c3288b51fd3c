"""What more pictures would bring."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from pipeline.artifacts import curves
from pipeline.report.charts import Figure
from pipeline.report.experiment import Experiment
from pipeline.report.section import Section

CLASSES_SHOWN = 20  # in the table
ALL = "all test pictures"
RIGHT = "right, share of the test pictures"


def section(experiment: Experiment) -> Section:
    points, expected = curves.read_points(), curves.read_expected()
    whole = expected[expected["of"] == ""]
    return Section(
        {
            "expected": whole.to_dict("records"),
            "first": points.loc[points["of"] == "", "accuracy"].iloc[0],
            "reached": points.loc[points["of"] == "", "accuracy"].iloc[-1],
            "tried": int(points["pictures"].max()),
            "sizes": points["pictures"].nunique(),
            "least": int(points["pictures"].min()),
            "draws": experiment.whole["curve"]["draws"],
            "classes": of_classes(points, expected, experiment),
            "best_accuracy": experiment.scores[experiment.best]["accuracy"],
        },
        charts={"curve": chart(points, curves.read_line())},
    )


def of_classes(
    points: pd.DataFrame, expected: pd.DataFrame, experiment: Experiment
) -> list[dict[Any, Any]]:
    """Of each class that the test has and the page shows: what twice as many pictures bring it, the
    most first, those of which it is not determined last.

    half, all: what is right with half of the training pictures, as near as one of the sizes comes,
    and with all.
    """
    table = points[points["of"] != ""].pivot(index="of", columns="pictures", values="accuracy")
    sizes = table.columns.to_numpy()
    half = sizes[abs(sizes - sizes[-1] / 2).argmin()]
    twice = expected[(expected["times"] == 2) & expected["of"].isin(experiment.shown)]
    counts = pd.Series(experiment.labels)[[s == "train" for s in experiment.splits]]
    rows = twice.assign(
        half=twice["of"].map(table[half]),
        all=twice["of"].map(table[sizes[-1]]),
        train=twice["of"].map(counts.explode().value_counts()),
        unclear=twice["why"] != "",
    ).sort_values(["unclear", "gain"], ascending=[True, False], kind="stable")
    return rows.head(CLASSES_SHOWN).to_dict("records")


def chart(points: pd.DataFrame, line: pd.DataFrame) -> Figure:
    """Accuracy by number of training pictures with the fitted law, of all test pictures or of a
    class that the reader chooses."""
    names = list(points["of"].drop_duplicates())
    choice = alt.binding_select(options=names, labels=[ALL, *names[1:]], name="of ")
    of = alt.param(name="of", value="", bind=choice)
    x = alt.X(
        "pictures:Q",
        title="training pictures",
        scale=alt.Scale(type="log", nice=False, padding=8),
        axis=alt.Axis(format="~s", tickCount=6),
    )
    y = alt.Y("accuracy:Q", title=RIGHT, scale=alt.Scale(zero=False))
    filtered = "datum.of === of"
    fitted = alt.Chart(line).transform_filter(filtered).encode(x=x)
    band = fitted.mark_area(opacity=0.2, color="#4c78a8").encode(
        y=alt.Y("low:Q", title=RIGHT, scale=alt.Scale(zero=False)), y2="high:Q"
    )
    law = fitted.mark_line(color="#4c78a8").encode(y=y)
    drawn = alt.Chart(points).transform_filter(filtered).encode(x=x)
    spread = drawn.mark_rule(strokeWidth=3, color="#4c78a8").encode(y="low:Q", y2="high:Q")
    numbers = [alt.Tooltip(f"{name}:Q", format=".3f") for name in ("accuracy", "low", "high")]
    mean = drawn.mark_point(filled=True, size=90, opacity=1, color="#4c78a8").encode(
        y=y, tooltip=["pictures:Q", *numbers]
    )
    now = pd.DataFrame({"pictures": [int(points["pictures"].max())]})
    rule = alt.Chart(now).mark_rule(strokeDash=[5, 4], color="#666").encode(x=x)
    layers = alt.layer(band, law, rule, spread, mean).properties(width=640, height=320)
    return layers.add_params(of)

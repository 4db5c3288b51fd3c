"""What the figures of all sections share: their look, colours and order. They are Altair charts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import altair as alt
import pandas as pd
from markupsafe import Markup

Figure: TypeAlias = Any  # Altair types its results more narrowly than what they are

SPLIT_COLOURS = {"train": "#4c78a8", "validation": "#9ecae9", "test": "#f58518"}
# Okabe and Ito (2008): told apart by colour-blind readers too.
RUN_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#000000")
# Of the first seven runs, of the next seven, and so on.
RUN_SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
RUN_DASHES = ((1, 0), (7, 3), (2, 2), (9, 3, 2, 3), (14, 4), (9, 3, 2, 3, 2, 3))
TRAINING_TITLES = {  # of a column of its history
    "loss": "training loss",
    "accuracy": "training accuracy",
    "validation_accuracy": "validation accuracy",
}
TICKS = 5  # of a panel's height; the scale ends at one, so that the panels' titles are level
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"
WIDTH = 960  # pixels of the page for a figure
LEGEND_SYMBOL, LETTER = 50, 7  # pixels across in a legend: a symbol with its margins, a letter
POINTS_SHOWN = 500  # of a curve


def styled(chart: Figure) -> Figure:
    """The look that all figures share."""
    return (
        chart.configure(font=FONT, background="transparent")
        .configure_view(stroke=None)
        .configure_axis(
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
            labelLimit=220,
            labelSeparation=8,
        )
        .configure_legend(labelFontSize=12, labelLimit=0, title=None, orient="top")
        .configure_header(labelFontSize=13, labelFontWeight="bold", title=None)
        .configure_title(fontSize=13, anchor="start")
    )


def chart_json(chart: Figure) -> Markup:
    """A chart's specification for a <script type="application/json">: no "<" can end it."""
    with alt.data_transformers.enable("default", max_rows=None):  # the figures bound their own
        return Markup(chart.to_json(indent=None).replace("<", "\\u003c"))


def run_colour(runs: Sequence[str], legend: alt.Legend | None) -> alt.Color:
    """The column `run` as colours. runs: all there are, in their order.

    With the shape of points and the dashes of lines a run has one look in all figures; that of the
    first comes again after 42 runs.
    """
    return alt.Color("run:N", scale=_looks(runs, RUN_COLOURS), legend=legend)


def run_shape(runs: Sequence[str], legend: alt.Legend | None) -> alt.Shape:
    """The column `run` as shapes of points."""
    return alt.Shape("run:N", scale=_looks(runs, RUN_SHAPES, each=len(RUN_COLOURS)), legend=legend)


def run_dash(runs: Sequence[str], legend: alt.Legend | None) -> alt.StrokeDash:
    """The column `run` as dashes of lines."""
    scale = _looks(runs, RUN_DASHES, each=len(RUN_COLOURS))
    return alt.StrokeDash("run:N", scale=scale, legend=legend)


def _looks(runs: Sequence[str], looks: Sequence[Any], *, each: int = 1) -> alt.Scale:
    """`looks` in turn, each for so many runs."""
    chosen = [looks[i // each % len(looks)] for i in range(len(runs))]
    return alt.Scale(domain=list(runs), range=chosen)


def run_legend(table: pd.DataFrame) -> alt.Legend:
    """Of the runs that are in the table, in as many columns as the page has room for."""
    shown = list(table["run"].drop_duplicates())
    column = LEGEND_SYMBOL + LETTER * max(map(len, shown))
    return alt.Legend(values=shown, columns=max(1, WIDTH // column))


def run_choice(runs: Sequence[str], shown: str, *, parameter: str = "run") -> Figure:
    """A list for the reader to choose one run of, `shown` at first; filters know it by
    `parameter`."""
    choice = alt.binding_select(options=list(runs), name="run ")
    return alt.param(name=parameter, value=shown, bind=choice)


def by_support(scores: pd.DataFrame) -> list[str]:
    """The classes, the commonest in the test first, those as common by name."""
    ordered = scores.sort_values(["support", "class"], ascending=[False, True])
    return list(ordered["class"].drop_duplicates())


def thin(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Every n-th value of `column` (1, 2, …) and the last, so that about POINTS_SHOWN remain."""
    step = math.ceil(len(table) / POINTS_SHOWN)
    return table.loc[((table[column] - 1) % step == 0) | (table[column] == len(table))]

"""What a figure leaves out of its range, so that the rest is not a flat line below it."""

from __future__ import annotations

from dataclasses import dataclass

import altair as alt
import pandas as pd

from pipeline.report.charts import TICKS

CURVES = 0.75  # share of the curves that say which sizes are usual
VALUES = 0.95  # share of a curve's values, and its first, that say how large it usually is
TIMES = 5  # what is larger than the usual size by this is not shown


@dataclass(frozen=True)
class Range:
    """low, high: what is shown; beyond: curve -> its value that is furthest outside."""

    low: float
    high: float
    beyond: dict[str, float]


def usual_range(table: pd.DataFrame, column: str, *, of: str) -> Range | None:
    """The values of `column` that are not far larger than usual, or None if all are usual.

    table: a curve's rows in their order; of: the column that says whose a row is.
    """
    if table.empty:
        return None
    sizes = table[column].abs()
    curves = sizes.groupby(table[of], sort=False)
    largest = curves.quantile(VALUES, interpolation="lower").combine(curves.first(), max)
    usual = sizes <= TIMES * largest.quantile(CURVES, interpolation="lower")
    shown, beyond = table.loc[usual, column], table[~usual]
    if beyond.empty:
        return None
    furthest = beyond.loc[beyond.groupby(of, sort=False)[column].apply(lambda v: v.abs().idxmax())]
    return Range(shown.min(), shown.max(), dict(zip(furthest[of], furthest[column], strict=True)))


def scale(shown: Range | None, *, zero: bool = False) -> alt.Scale:
    """Of a vertical axis. zero: whether it begins there. Marks must be clipped if `shown`."""
    domain = alt.Undefined if shown is None else [shown.low, shown.high]
    return alt.Scale(zero=zero, nice=TICKS, domain=domain)

"""Runs with other values of their parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd

from pipeline.artifacts.sweeps import best_setting, read_sweep, sweep_path
from pipeline.artifacts.times import sweep_times_path
from pipeline.core.digests import file_digest
from pipeline.report.charts import LETTER, SPLIT_COLOURS, TRAINING_TITLES, Figure
from pipeline.report.clipping import Range, scale, usual_range
from pipeline.report.experiment import Experiment
from pipeline.report.seconds import seconds_data, taken
from pipeline.report.section import Section

PANEL = 175  # pixels of width


def section(experiment: Experiment) -> Section | None:
    """None where there are no sweeps."""
    sweeps, charts = {}, {}
    for name, params in experiment.whole["sweeps"].items():
        path, varied = sweep_path(name), list(params["vary"])
        table, made = read_sweep(path), file_digest(path)
        rows = [
            {"setting": setting, **taken(sweep_times_path(name), made, number)}
            for number, setting in enumerate(table["setting"])
        ]
        loss = usual_loss(table)
        sweeps[name] = {"base": params["base"], "loss": loss, **findings(table, varied)}
        charts[name] = chart(table, rows, loss, title=", ".join(varied))
    times = [sweep_times_path(name) for name in sweeps]
    return Section({"sweeps": sweeps}, charts, times) if sweeps else None


def findings(sweep: pd.DataFrame, varied: Sequence[str]) -> dict[str, Any]:
    """The best setting and those that diverged, in words. varied: the parameters of the sweep."""

    def named(setting: str) -> str:  # of a single parameter it is the value alone
        return f"{varied[0]} {setting}" if len(varied) == 1 else setting

    best = best_setting(sweep)
    diverged = sweep.loc[sweep["diverged"], "setting"].drop_duplicates()
    return {"best": best and named(best[0]), "diverged": [named(setting) for setting in diverged]}


def usual_loss(sweep: pd.DataFrame) -> Range | None:
    """What is shown of the losses: their means over the seeds, with the deviations around them."""
    by_setting = sweep.dropna(subset="loss").groupby("setting", sort=False)["loss"]
    mean, deviation = by_setting.mean(), by_setting.std().fillna(0)
    ends = pd.concat([mean, mean - deviation, mean + deviation])
    return usual_range(ends.reset_index(), "loss", of="setting")


def chart(
    sweep: pd.DataFrame, times: Iterable[Mapping[str, Any]], loss: Range | None, *, title: str
) -> Figure:
    """Mean and standard deviation over the seeds, by setting, the best on validation marked.

    sweep: columns setting, seed, loss, accuracy, validation_accuracy; empty where it diverged.
    times: `setting` and what is `taken`. loss: what is shown of it. title: what varies.
    """
    order = list(sweep["setting"].drop_duplicates())
    level = LETTER * sum(map(len, order)) < PANEL
    axis = alt.Axis(labelAngle=0 if level else -40)
    best = best_setting(sweep)
    marked, plain = SPLIT_COLOURS["test"], SPLIT_COLOURS["train"]
    colour = alt.condition(
        alt.datum["setting"] == (best and best[0]), alt.value(marked), alt.value(plain)
    )

    def panel(
        data: Figure, column: str, name: str, shown: Range | None, *, zero: bool = False
    ) -> Figure:
        base = alt.Chart(data).encode(
            x=alt.X("setting:N", sort=order, title=title, axis=axis, scale=alt.Scale(domain=order)),
            color=colour,
        )
        bars = base.mark_errorbar(
            extent="stdev", ticks={"size": 12}, clip=shown is not None
        ).encode(y=alt.Y(f"{column}:Q", title=None, scale=scale(shown, zero=zero)))
        points = base.mark_point(filled=True, size=70, clip=shown is not None).encode(
            y=alt.Y(f"mean({column}):Q", title=None),
            tooltip=["setting:N", alt.Tooltip(f"mean({column}):Q", format=".3f")],
        )
        return alt.layer(bars, points).properties(width=PANEL, height=190, title=name)

    return alt.hconcat(
        *(
            panel(sweep, column, name, loss if column == "loss" else None)
            for column, name in TRAINING_TITLES.items()
        ),
        panel(seconds_data(times), "seconds", "training, seconds", None, zero=True),
    )

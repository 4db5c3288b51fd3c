"""The report's figures, as Altair charts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import altair as alt
import pandas as pd

from pipeline.sweeps import best_setting

Figure: TypeAlias = Any  # Altair types its results more narrowly than what they are

SPLIT_COLOURS = {"train": "#4c78a8", "validation": "#9ecae9", "test": "#f58518"}
# Okabe and Ito (2008): told apart by colour-blind readers too.
RUN_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#7f7f7f")
TICKS = 5  # of a panel's height; the scale ends at one, so that the panels' titles are level
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"


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
        .configure_legend(labelFontSize=12, title=None, orient="top")
        .configure_header(labelFontSize=13, labelFontWeight="bold", title=None)
        .configure_title(fontSize=13, anchor="start")
    )


def accuracy(metrics: pd.DataFrame, baseline: float, runs: Sequence[str]) -> Figure:
    """Test accuracy of each run with its interval, and that of always the commonest class.

    metrics: columns run, accuracy, accuracy_low, accuracy_high.
    """
    base = alt.Chart(metrics).encode(y=alt.Y("run:N", sort=list(runs), title=None))
    x = alt.X("accuracy_low:Q", title="test accuracy (hit@1)", scale=alt.Scale(zero=False))
    tooltip = ["run:N", *(alt.Tooltip(f"{c}:Q", format=".3f") for c in metrics.columns[1:])]
    interval = base.mark_rule(strokeWidth=3).encode(
        x=x, x2="accuracy_high:Q", color=_run(runs, None)
    )
    point = base.mark_point(filled=True, size=110, opacity=1).encode(
        x="accuracy:Q", color=_run(runs, None), tooltip=tooltip
    )
    rule = (
        alt.Chart(pd.DataFrame({"accuracy": [baseline], "what": ["always the commonest class"]}))
        .mark_rule(strokeDash=[5, 4], color="#666")
        .encode(x="accuracy:Q", tooltip=["what:N", alt.Tooltip("accuracy:Q", format=".3f")])
    )
    return alt.layer(rule, interval, point).properties(width=420, height=alt.Step(34))


def seconds(table: pd.DataFrame, runs: Sequence[str]) -> Figure:
    """Training time of each run, seconds of one training. table: columns run, seconds."""
    return (
        alt.Chart(table)
        .mark_bar(height=10)
        .encode(
            x=alt.X("seconds:Q", title="training, seconds"),
            y=alt.Y("run:N", sort=list(runs), title=None, axis=None),
            color=_run(runs, None),
            tooltip=["run:N", alt.Tooltip("seconds:Q", format=".2f")],
        )
        .properties(width=220, height=alt.Step(34))
    )


def side_by_side(*charts: Figure) -> Figure:
    """The charts in one row."""
    return alt.hconcat(*charts)


def distribution(pictures: pd.DataFrame) -> Figure:
    """Pictures per class and split. pictures: columns class, split, count."""
    return (
        alt.Chart(pictures)
        .mark_bar()
        .encode(
            x=alt.X("count:Q", title="pictures"),
            y=alt.Y("class:N", sort="-x", title=None),
            color=alt.Color(
                "split:N",
                scale=alt.Scale(domain=list(SPLIT_COLOURS), range=list(SPLIT_COLOURS.values())),
            ),
            order=alt.Order("order:Q"),
            tooltip=["class:N", "split:N", "count:Q"],
        )
        .properties(width=560, height=alt.Step(22))
    )


def explained_variance(variance: pd.DataFrame) -> Figure:
    """Share of each component and of all up to it.

    variance: columns component, ratio, cumulative.
    """
    x = alt.X("component:Q", title="component", axis=alt.Axis(tickMinStep=1))
    tooltip: list[Any] = [
        "component:Q",
        alt.Tooltip("ratio:Q", format=".2%"),
        alt.Tooltip("cumulative:Q", format=".1%"),
    ]
    base = alt.Chart(variance).encode(x=x, tooltip=tooltip).properties(width=330, height=200)
    each = base.mark_line(point={"size": 12}).encode(
        y=alt.Y("ratio:Q", title="share of the variance", axis=alt.Axis(format="%"))
    )
    scale = alt.Scale(domain=[0, 1])
    total = base.mark_area(line=True, opacity=0.25).encode(
        y=alt.Y("cumulative:Q", title="all up to it", axis=alt.Axis(format="%"), scale=scale)
    )
    return alt.hconcat(each, total)


def curves(history: pd.DataFrame, runs: Sequence[str]) -> Figure:
    """Loss, training and validation accuracy per epoch.

    history: columns run, epoch, loss, accuracy, validation_accuracy (means over the repeats).
    """
    titles = {
        "loss": "training loss",
        "accuracy": "training accuracy",
        "validation_accuracy": "validation accuracy",
    }
    base = alt.Chart(history).mark_line().encode(x=alt.X("epoch:Q", axis=alt.Axis(tickMinStep=1)))
    return alt.hconcat(
        *(
            base.encode(
                y=alt.Y(f"{column}:Q", title=None, scale=alt.Scale(zero=False, nice=TICKS)),
                color=_run(runs, _legend(history)),
                tooltip=["run:N", "epoch:Q", alt.Tooltip(f"{column}:Q", format=".3f")],
            ).properties(width=245, height=210, title=title)
            for column, title in titles.items()
        )
    )


def per_class(scores: pd.DataFrame, runs: Sequence[str]) -> Figure:
    """Precision, recall and F1 of each class. scores: columns run, class, the three, support."""
    measures = ["precision", "recall", "F1"]
    named = scores.rename(columns={"f1": "F1"})
    long = named.melt(["run", "class", "support"], measures, "measure")
    return (
        alt.Chart(long)
        .mark_point(filled=True, size=70, opacity=0.85)
        .encode(
            x=alt.X("value:Q", title=None, scale=alt.Scale(domain=[0, 1])),
            y=alt.Y("class:N", sort=_by_support(scores), title=None, axis=alt.Axis(grid=True)),
            color=_run(runs),
            tooltip=["run:N", "class:N", "support:Q", alt.Tooltip("value:Q", format=".3f")],
        )
        .properties(width=215, height=alt.Step(24))
        .facet(alt.Column("measure:N", sort=measures, title=None))
    )


def residuals(norms: pd.DataFrame, runs: Sequence[str]) -> Figure:
    """Norm of what is left after each member, mean over the classes.

    norms: columns run, member, norm.
    """
    return (
        alt.Chart(norms)
        .mark_line(point=True)
        .encode(
            x=alt.X("member:Q", axis=alt.Axis(tickMinStep=1)),
            y=alt.Y("norm:Q", title="residual norm, mean over the classes"),
            color=_run(runs, _legend(norms)),
            tooltip=["run:N", "member:Q", alt.Tooltip("norm:Q", format=".3f")],
        )
        .properties(width=330, height=210)
    )


def sweep(results: pd.DataFrame, title: str) -> Figure:
    """Mean and standard deviation over the seeds, by setting, the best on validation marked.

    results: columns setting, seed, loss, accuracy, validation_accuracy, seconds; empty where it
    diverged. title: what varies.
    """
    titles = {
        "loss": "training loss",
        "accuracy": "training accuracy",
        "validation_accuracy": "validation accuracy",
        "seconds": "training, seconds",
    }
    order = list(results["setting"].drop_duplicates())
    best = best_setting(results)
    marked, plain = SPLIT_COLOURS["test"], SPLIT_COLOURS["train"]
    base = alt.Chart(results).encode(
        x=alt.X("setting:N", sort=order, title=title, scale=alt.Scale(domain=order)),
        color=alt.condition(
            alt.datum["setting"] == (best and best[0]), alt.value(marked), alt.value(plain)
        ),
    )
    panels = []
    for column, panel in titles.items():
        scale = alt.Scale(zero=column == "seconds", nice=TICKS)
        bars = base.mark_errorbar(extent="stdev", ticks=True).encode(
            y=alt.Y(f"{column}:Q", title=None, scale=scale)
        )
        points = base.mark_point(filled=True, size=70).encode(
            y=alt.Y(f"mean({column}):Q", title=None),
            tooltip=["setting:N", alt.Tooltip(f"mean({column}):Q", format=".3f")],
        )
        panels.append(alt.layer(bars, points).properties(width=175, height=190, title=panel))
    return alt.hconcat(*panels)


def comparisons(draws: pd.DataFrame) -> Figure:
    """Accuracy of each draw by picture and by artist, with means. draws: run, split, accuracy."""
    names = [f"by {split}" for split in draws["split"].drop_duplicates()]
    base = alt.Chart().encode(
        x=alt.X("accuracy:Q", title="test accuracy (hit@1)", scale=alt.Scale(zero=False)),
        y=alt.Y("split:N", sort=names, title=None),
        color=alt.Color("split:N", legend=None, scale=alt.Scale(domain=names, range=RUN_COLOURS)),
    )
    each = base.mark_point(filled=True, size=45, opacity=0.4).encode(
        tooltip=["run:N", "split:N", "draw:Q", alt.Tooltip("accuracy:Q", format=".3f")]
    )
    mean = base.mark_tick(thickness=3, size=20).encode(x="mean(accuracy):Q")
    layers = alt.layer(each, mean).properties(width=420, height=alt.Step(26))
    order = list(draws["run"].drop_duplicates())
    header = alt.Header(labelAngle=0, labelAlign="left")
    return layers.facet(
        data=draws.assign(split="by " + draws["split"]),
        row=alt.Row("run:N", sort=order, title=None, header=header),
    )


def thresholds(scores: pd.DataFrame, runs: Sequence[str], shown: str) -> Figure:
    """Precision, recall and F1 of each class at a threshold that the reader moves.

    scores: columns run, class, threshold, precision, recall, f1, support. `shown`: the first run.
    """
    measures = ["precision", "recall", "F1"]
    named = scores.rename(columns={"f1": "F1"})
    long = named.melt(["run", "class", "threshold", "support"], measures, "measure")
    low, high = scores["threshold"].min(), scores["threshold"].max()
    slider = alt.binding_range(min=low, max=high, step=low, name="threshold ")
    threshold = alt.param(name="threshold", value=0.5, bind=slider)
    chosen = alt.param(
        name="of", value=shown, bind=alt.binding_select(options=list(runs), name="run ")
    )
    return (
        alt.Chart(long)
        .transform_filter("datum.run === of && abs(datum.threshold - threshold) < 0.001")
        .mark_bar(height=9)
        .encode(
            x=alt.X("value:Q", title=None, scale=alt.Scale(domain=[0, 1])),
            y=alt.Y("class:N", sort=_by_support(scores), title=None),
            tooltip=["class:N", "support:Q", alt.Tooltip("value:Q", format=".3f")],
        )
        .properties(width=215, height=alt.Step(20))
        .facet(alt.Column("measure:N", sort=measures, title=None))
        .add_params(threshold, chosen)
    )


def roc(curves: pd.DataFrame, runs: Sequence[str], shown: str) -> Figure:
    """The ROC curve of each class, one run at a time.

    curves: columns run, class, auc, false_positive_rate, true_positive_rate. `shown` is the run
    shown at first.
    """
    chosen = alt.param(
        name="run", value=shown, bind=alt.binding_select(options=list(runs), name="run ")
    )
    chance = alt.Chart(pd.DataFrame({"rate": [0, 1]})).mark_line(strokeDash=[5, 4], color="#666")
    lines = (
        alt.Chart(curves)
        .transform_filter("datum.run === run")
        .mark_line()
        .encode(
            x=alt.X("false_positive_rate:Q", title="false positive rate"),
            y=alt.Y("true_positive_rate:Q", title="true positive rate"),
            color=alt.Color("class:N", legend=alt.Legend(orient="right")),
            tooltip=["class:N", alt.Tooltip("auc:Q", title="area", format=".3f")],
        )
    )
    return (
        alt.layer(chance.encode(x="rate:Q", y="rate:Q"), lines)
        .add_params(chosen)
        .properties(width=330, height=330)
    )


def confusion(pairs: pd.DataFrame, runs: Sequence[str], shown: str) -> Figure:
    """Share of each class's pictures by the class that scored highest, one run at a time.

    pairs: columns run, actual, predicted, count. `shown` is the run shown at first.
    """
    totals = pairs.groupby(["run", "actual"])["count"].transform("sum")
    shares = pairs.assign(share=pairs["count"] / totals)
    chosen = alt.param(
        name="run", value=shown, bind=alt.binding_select(options=list(runs), name="run ")
    )
    base = (
        alt.Chart(shares)
        .encode(
            x=alt.X("predicted:N", title="predicted", axis=alt.Axis(labelAngle=-40)),
            y=alt.Y("actual:N", title="actual"),
        )
        .transform_filter("datum.run === run")
    )
    tooltip = ["actual:N", "predicted:N", alt.Tooltip("share:Q", format=".1%"), "count:Q"]
    cells = base.mark_rect().encode(
        color=alt.Color("share:Q", scale=alt.Scale(scheme="blues", domain=[0, 1]), legend=None),
        tooltip=tooltip,
    )
    text = base.mark_text(fontSize=11).encode(
        text=alt.Text("share:Q", format=".0%"),
        color=alt.condition("datum.share > 0.55", alt.value("white"), alt.value("#333")),
        tooltip=tooltip,
    )
    size = alt.Step(44)
    return alt.layer(cells, text).add_params(chosen).properties(width=size, height=alt.Step(30))


def _by_support(scores: pd.DataFrame) -> list[str]:
    """The classes, the commonest in the test first, those as common by name."""
    by_support = scores.sort_values(["support", "class"], ascending=[False, True])
    return list(by_support["class"].drop_duplicates())


def _legend(table: pd.DataFrame) -> alt.Legend:
    """Of the runs that are in the table, in the colours of all."""
    return alt.Legend(values=list(table["run"].drop_duplicates()))


def _run(
    runs: Sequence[str], legend: alt.Legend | alt.UndefinedType | None = alt.Undefined
) -> alt.Color:
    colours = [RUN_COLOURS[i % len(RUN_COLOURS)] for i in range(len(runs))]
    scale = alt.Scale(domain=list(runs), range=colours)
    return alt.Color("run:N", scale=scale, legend=legend)

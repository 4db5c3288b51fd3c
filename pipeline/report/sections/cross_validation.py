"""Scores of the training pictures, fold by fold."""

from __future__ import annotations

from pipeline.artifacts.scores import FOLDS, read_table
from pipeline.report.experiment import Experiment
from pipeline.report.section import Section


def section(experiment: Experiment) -> Section | None:
    """None without a run that has folds."""
    folds = read_table(FOLDS)  # columns run, metric, mean, sd, folds
    if folds.empty:
        return None
    return Section(
        {
            "counts": dict(folds[["run", "folds"]].itertuples(index=False)),
            "folds": folds.pivot(index="run", columns="metric", values=["mean", "sd"]),
        }
    )

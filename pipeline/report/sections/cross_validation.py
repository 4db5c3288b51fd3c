"""Scores of the training pictures, fold by fold."""

from __future__ import annotations

from pipeline.artifacts.scores import FOLDS, read_table
from pipeline.report.experiment import Experiment
from pipeline.report.section import Section


def section(experiment: Experiment) -> Section | None:
    """None without a run that has folds."""
    folds = read_table(FOLDS)
    if folds.empty:
        return None
    return Section(
        {
            "counts": dict(folds[["run", "folds"]].itertuples(index=False)),
            "never_held_out": {
                run: experiment.counts["train"] - pictures
                for run, pictures in folds[["run", "pictures"]].itertuples(index=False)
                if pictures < experiment.counts["train"]
            },
            "folds": folds.pivot(index="run", columns="metric", values=["mean", "sd"]),
        }
    )

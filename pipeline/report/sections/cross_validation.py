"""Scores of the training pictures, fold by fold."""

from __future__ import annotations

import pandas as pd

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
            "never_held_out": never_held_out(folds, experiment.counts["train"]),
            "folds": folds.pivot(index="run", columns="metric", values=["mean", "sd"]),
        }
    )


def never_held_out(folds: pd.DataFrame, training: int) -> dict[int, list[str]]:
    """A number of training pictures that are in no fold -> the runs that have so many."""
    some = folds[folds["pictures"] < training].drop_duplicates("run")
    counts = (training - some["pictures"]).tolist()
    return {
        count: [run for run, of in zip(some["run"], counts, strict=True) if of == count]
        for count in sorted(set(counts))
    }

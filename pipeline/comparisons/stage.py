"""Stage comparison@RUN: data/images, one input -> reports/comparisons/RUN.csv."""

from __future__ import annotations

from pipeline.artifacts.comparisons import write_comparison
from pipeline.classifiers.inputs import read_inputs
from pipeline.classifiers.params import Run
from pipeline.comparisons.comparison import Resampling, Shares, compare
from pipeline.comparisons.params import Comparison


def comparison(
    name: str, run: Run, params: Comparison, *, shares: Shares, resampling: Resampling
) -> str:
    """Train `run` under both splits; returns the accuracies of both."""
    inputs = read_inputs(run)
    table = compare(name, run, params, inputs, shares=shares, resampling=resampling)
    write_comparison(name, table)
    if table.empty:
        return f"comparison {name}: the pictures have no artists, nothing to compare"
    scores = table.groupby("split", sort=False)["accuracy"].agg(["mean", "std"])
    found = ", ".join(
        f"by {row.Index} {row.mean:.3f} ± {row.std:.3f}" for row in scores.itertuples()
    )
    return f"comparison {name}: {found} over {params.draws} draws"

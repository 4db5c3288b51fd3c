"""Stage comparison@RUN: data/images, one input -> reports/comparisons/RUN.csv."""

from __future__ import annotations

import sys
from pathlib import Path

from pipeline.comparison import compare
from pipeline.console import run
from pipeline.inputs import read_inputs
from pipeline.params import load_params, named
from pipeline.tables import replacing


def main() -> None:
    params = load_params()
    name = sys.argv[1]
    images_dir, components_dir, features_dir, pixels_dir, comparison_file = map(Path, sys.argv[2:])
    entry = named(params.comparisons, name, section="comparisons")
    base = params.classifiers[name]
    folder = {"components": components_dir, "features": features_dir, "pixels": pixels_dir}
    inputs = read_inputs(images_dir, folder[base.input], base.input)
    table = compare(name, base, entry, inputs, shares=params.ingest.split, evaluate=params.evaluate)
    with replacing(comparison_file) as temporary:
        table.to_csv(temporary, index=False)
    if table.empty:
        print(f"comparison {name}: the pictures have no artists, nothing to compare")
        return
    scores = table.groupby("split", sort=False)["accuracy"].agg(["mean", "std"])
    found = ", ".join(
        f"by {row.Index} {row.mean:.3f} ± {row.std:.3f}" for row in scores.itertuples()
    )
    print(f"comparison {name}: {found} over {entry.draws} draws")


if __name__ == "__main__":
    run(main)

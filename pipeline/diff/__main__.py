"""How the runs differ between two revisions, on the test pictures that both have."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
import pandas as pd

from pipeline.artifacts import images
from pipeline.artifacts.pages import DIFF, DIFF_TABLE
from pipeline.command import run
from pipeline.core.files import write_text
from pipeline.core.parquet import Shards
from pipeline.core.tables import write_csv
from pipeline.diff.between import Between, between
from pipeline.diff.page import render
from pipeline.diff.revisions import Revision, common
from pipeline.params import load_params


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m pipeline.diff", description=__doc__)
    parser.add_argument("old", nargs="?", default="HEAD", help="a revision of Git (default: HEAD)")
    parser.add_argument("new", nargs="?", help="another (default: the workspace)")
    options = parser.parse_args()
    params = load_params()
    old, new = Revision(options.old), Revision(options.new)
    pictures = Shards(images.PATH)
    found: list[Between] = []
    artists = images.held_out_artists(pictures)
    for name in common(old.files, new.files):
        first, second = old.test(name), new.test(name)
        known = artists is not None and set(second.image_ids) <= artists.keys()
        found.append(
            between(
                name,
                first,
                second,
                artists if known else None,
                threshold=params.thresholds.get(name, 0.5),
                resamples=params.insight.bootstrap,
                rng=np.random.default_rng(params.insight.seed),
            )
        )
    write_csv(DIFF_TABLE, pd.concat([of.changed for of in found]))
    write_text(DIFF, render(old.name, new.name, found, pictures, most=params.report.mistakes))
    print(summary(found))
    print(f"\ndiff: {DIFF}")


def summary(found: Sequence[Between]) -> str:
    """A line for each run."""
    width = max(len("run"), *(len(of.run) for of in found)) + 2
    lines = [
        f"{'run':<{width}}{'old':>7}{'new':>7}{'points':>8}{'95 % interval':>18}{'changed':>9}"
    ]
    for of in found:
        low, high = 100 * of.row["accuracy_low"], 100 * of.row["accuracy_high"]
        interval = f"{low:+.1f} to {high:+.1f}"
        lines.append(
            f"{of.run:<{width}}{of.old:>7.3f}{of.new:>7.3f}{100 * of.row['accuracy']:>+8.1f}"
            f"{interval:>18}{len(of.changed):>9}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    run(main)

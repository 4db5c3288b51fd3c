"""What to label next of folders of pictures: `python -m pipeline.next FOLDER…`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.artifacts import images
from pipeline.artifacts.examinations import read_hashes
from pipeline.artifacts.models import FOLDER
from pipeline.artifacts.pages import NEXT, NEXT_TABLE
from pipeline.artifacts.scores import METRICS
from pipeline.command import run
from pipeline.core.console import counted, on_one_line
from pipeline.core.errors import UserError
from pipeline.core.files import write_text
from pipeline.core.parquet import Shards
from pipeline.core.tables import write_csv
from pipeline.ingest.sources.tree import text
from pipeline.next.choosing import k_centre, shortlist
from pipeline.next.copies import Known, without_copies
from pipeline.next.features import Features
from pipeline.next.page import render
from pipeline.params import Params, load_params
from pipeline.predict import Predictor, best, find_files, local


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m pipeline.next", description=__doc__)
    parser.add_argument("pictures", nargs="+", type=local, metavar="FOLDER")
    parser.add_argument("--count", type=int, default=100, help="how many (default: 100)")
    parser.add_argument("--run", help="whose doubts count; default: the best on validation")
    options = parser.parse_args()
    if options.count < 1:
        raise UserError(f"--count is {options.count}: give 1 or more")
    params, pictures = load_params(), Shards(images.PATH)
    files = list(new_files(find_files(options.pictures), pictures, params))
    name = options.run or best(METRICS)
    predictor = Predictor(FOLDER, name)
    scores = np.array([list(p.probabilities.values()) for p in predictor.predict(files, None)])
    unsure = shortlist(scores, count=options.count)
    features = Features(pictures)
    x = features.of([files[i] for i in unsure])
    chosen = unsure[k_centre(x, features.nearest_squared(x), count=options.count)]
    paths = [files[i] for i in chosen]
    table = ranked([text(str(path)) for path in paths], scores[chosen], predictor.classes)
    write_csv(NEXT_TABLE, table)
    write_text(NEXT, render(table, paths, run=name, among=len(files), most=params.report.mistakes))
    print(
        f"next: {len(table)} of {counted(len(files), 'picture')}, by the doubts of {name}: {NEXT}"
    )


def new_files(files: Iterator[Path], pictures: Shards, params: Params) -> Iterator[Path]:
    """Those that can be read and are no copies of labelled ones; what is left out is said on
    stderr. Errors: `UserError` if nothing is left."""
    bits = params.ingest.audit.near_duplicates
    rows = pictures.read(["image_id", "image"])
    known = Known.of(
        dict(
            zip(
                rows["image_id"].to_pylist(),
                [row["path"] for row in rows["image"].to_pylist()],
                strict=True,
            )
        ),
        read_hashes(),
        distance=None if bits == "none" else bits,
    )
    max_pixels = int(params.ingest.max_megapixels * 1e6)
    count = 0
    for path, why in without_copies(files, known, max_pixels=max_pixels):
        if why is None:
            count += 1
            yield path
        else:
            print(on_one_line(f"left out {text(str(path))}: {why}"), file=sys.stderr)
    if not count:
        raise UserError("no picture is left to choose from: give folders of unlabelled pictures")


def ranked(paths: list[str], scores: NDArray[np.float64], classes: list[str]) -> pd.DataFrame:
    """rank, path, suggested (class), its score, reason; scores: (N, C)."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :2]
    top = np.take_along_axis(scores, order, axis=1)
    reasons = [
        " or ".join(f"{classes[c]} {p:.2f}" for c, p in zip(of, at, strict=True))
        for of, at in zip(order, top, strict=True)
    ]
    return pd.DataFrame(
        {
            "rank": np.arange(1, len(paths) + 1),
            "path": paths,
            "suggested": [classes[c] for c in order[:, 0]],
            "score": top[:, 0],
            "reason": reasons,
        }
    )


if __name__ == "__main__":
    run(main)

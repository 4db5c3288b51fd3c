"""A run under splits by picture and by artist: what knowing the artists does to its accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from pipeline.artifacts.comparisons import COLUMNS
from pipeline.classifiers.inputs import Inputs
from pipeline.classifiers.params import Run
from pipeline.classifiers.runs import mistakes_of, processes, train
from pipeline.comparisons.params import Comparison
from pipeline.compute.parallel import forked_map
from pipeline.core.console import counted, progress
from pipeline.measure.accuracy import hits
from pipeline.measure.intervals import bootstrap_interval
from pipeline.measure.splitting import SPLITS, assign_splits, sole_artists


class Shares(Protocol):
    """What a split gives to validation and test, in 0..1."""

    @property
    def validation(self) -> float: ...
    @property
    def test(self) -> float: ...


class Resampling(Protocol):
    """How many bootstrap resamples, and their seed."""

    @property
    def bootstrap(self) -> int: ...
    @property
    def seed(self) -> int: ...


def compare(
    name: str,
    run: Run,
    entry: Comparison,
    inputs: Inputs,
    *,
    shares: Shares,
    resampling: Resampling,
) -> pd.DataFrame:
    """A row per split and draw, each with a split and a training of its own.

    split: picture or artist; train, test: pictures; artists: those of the test pictures,
    known_artists: how many of them have training pictures; accuracy: hit@1, with its 95 % bootstrap
    interval over the test pictures, by artist over their artists. Splits have the seeds entry.seed,
    entry.seed + 1, …, trainings run.seed and so on. Pictures without an artist take no part; empty
    where none has one.

    Errors: `UserError` where a part comes out empty, or training fails.
    """
    signed = np.array([artist is not None for artist in inputs.table["artist"].to_pylist()])
    if not signed.any():
        return pd.DataFrame(columns=COLUMNS)
    table = inputs.table.filter(signed)
    artists = table["artist"].to_pylist()
    labels = [tuple(row) for row in table["labels"].to_pylist()]
    data, names = inputs.data[signed], np.array(artists)

    def one(job: tuple[str, int]) -> dict[str, Any]:
        by, draw = job
        rng = np.random.default_rng(entry.seed + draw)
        with mistakes_of(f"comparisons.{name}"):
            parts = draw_parts(by, labels, artists, shares=shares, rng=rng)
            training, validation, test = (data[part] for part in parts)
            trained = train(run, training, validation, seed=run.seed + draw)
        found = hits(trained.scores(test.vectors), test.targets)
        known, tested = names[parts[0]], names[parts[2]]
        low, high = bootstrap_interval(
            found, list(tested) if by == "artist" else None,
            resamples=resampling.bootstrap, rng=np.random.default_rng(resampling.seed),
        )  # fmt: skip
        row = (by, draw, len(known), len(tested), len({*tested}), len({*tested} & {*known}))
        return dict(zip(COLUMNS, (*row, found.mean(), low, high), strict=True))

    jobs = [(by, draw) for by in ("picture", "artist") for draw in range(entry.draws)]
    rows = progress(forked_map(one, jobs, processes=processes(data)), what=name, total=len(jobs))
    return pd.DataFrame(rows, columns=COLUMNS).round(6)


def draw_parts(
    by: str,
    labels: Sequence[tuple[str, ...]],
    artists: Sequence[str],
    *,
    shares: Shares,
    rng: Generator,
) -> list[NDArray[np.bool_]]:
    """Training, validation and test, (N,) each, drawn with these shares by picture or artist.

    An artist who alone has a class trains in every split by artist. So that both splits test the
    same pictures, those of such artists are tested in neither.

    Errors: `ValueError` where a part is empty.
    """
    assigned = assign_splits(
        labels, artists if by == "artist" else None, [None] * len(labels),
        validation=shares.validation, test=shares.test, rng=rng,
    )  # fmt: skip
    parts = [np.array(assigned) == part for part in SPLITS]
    sole = sole_artists(labels, artists)
    parts[SPLITS.index("test")] &= ~np.isin(artists, list(sole))
    for part, chosen in zip(SPLITS, parts, strict=True):
        if not chosen.any():
            raise ValueError(
                f"the {part} part by {by} is empty ({counted(len(labels), 'picture')} by "
                f"{counted(len(set(artists)), 'artist')}, {len(sole)} of them alone with a class): "
                "give the classes more artists, or remove the entry"
            )
    return parts

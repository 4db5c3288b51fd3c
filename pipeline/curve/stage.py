"""Stage curve: data/images, data/features -> reports/curve."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from pipeline.artifacts import images
from pipeline.artifacts.curves import LINE, write_curve
from pipeline.artifacts.images import Labelled, labelled
from pipeline.artifacts.vectors import FEATURES, VectorStore
from pipeline.core.parquet import Shards
from pipeline.curve.params import Curve
from pipeline.curve.power_law import Expected, LearningCurve
from pipeline.curve.probe import Part, Right, Split, probed, rotated
from pipeline.curve.subsets import drawn_order, subset_sizes
from pipeline.measure.resampling import group_positions
from pipeline.measure.splitting import at_most

MOST = 20_000  # pictures of a part, drawn at random where there are more, so that it takes seconds
CELLS = 2**28  # features held at once: 1 GiB
TIMES = (2, 4)  # as many pictures
LINE_POINTS = 60


def curve(params: Curve) -> str:
    """Train a head on ever more of the pictures; returns what twice as many would bring."""
    pictures, store = Shards(images.PATH), VectorStore.open()
    known = Labelled(*labelled(pictures, beside=FEATURES, count=pictures.rows))
    rng = np.random.default_rng(params.seed)
    rows = rows_of_parts(known.split, store.dimension, rng)
    train, _, test = rows
    sizes = subset_sizes(len(train), classes=len(known.classes), sizes=params.sizes)
    orders = [
        drawn_order(labels_of(known, train), artists_of(known, train), rng)
        for _ in range(params.draws)
    ]
    vectors = standardized(pictures, store, np.concatenate(rows), len(train))
    held = np.split(vectors, np.cumsum([len(part) for part in rows[:2]]))
    parts = (Part(x, known.targets[part]) for x, part in zip(held, rows, strict=True))
    scores = probed(Split(*parts), orders, sizes, multilabel=known.multilabel)
    groups = group_positions(artists_of(known, test), len(test))
    right = Right.of(scores, known.targets[test])
    found = dict(curves(right, groups, known.classes, sizes, resamples=params.bootstrap, rng=rng))
    now = int((known.split == "train").sum())
    write_curve(*tables(found, now))
    return f"curve: {in_words(found[''][1], now)}"


def labels_of(known: Labelled, rows: NDArray[np.int64]) -> list[tuple[str, ...]]:
    """Of the pictures `rows`."""
    return [tuple(row) for row in known.table["labels"].take(rows).to_pylist()]


def artists_of(known: Labelled, rows: NDArray[np.int64]) -> list[str] | None:
    """Of the pictures `rows`, where artists are apart."""
    return known.table["artist"].take(rows).to_pylist() if known.artists_apart else None


def rows_of_parts(split: NDArray[Any], dimension: int, rng: Generator) -> list[NDArray[np.int64]]:
    """The pictures of training, validation and test, at most MOST of each."""
    most = min(MOST, CELLS // (3 * dimension))
    parts = (np.flatnonzero(split == name) for name in ("train", "validation", "test"))
    return [at_most(rows, most, rng) for rows in parts]


def standardized(
    pictures: Shards, store: VectorStore, rows: NDArray[np.int64], n_train: int
) -> NDArray[np.float32]:
    """Features of the pictures `rows` (N,), each less its mean over the first `n_train`, the
    training pictures, in its deviations; as `rotated` has them."""
    vectors = store.rows(pictures, rows, np.float32)
    train = vectors[:n_train]
    mean, deviation = train.mean(axis=0, dtype=np.float64), train.std(axis=0, dtype=np.float64)
    vectors -= mean.astype(np.float32)
    vectors /= np.where(deviation > 0, deviation, 1).astype(np.float32)
    return rotated(vectors)


def curves(
    right: Right,
    groups: NDArray[np.int64],
    classes: list[str],
    sizes: NDArray[np.int64],
    *,
    resamples: int,
    rng: Generator,
) -> Iterator[tuple[str, tuple[int, LearningCurve]]]:
    """Of all test pictures, as "", and of each class that some have: how many, and the curve."""
    everything = LearningCurve.of(right.hits, sizes, groups, resamples=resamples, rng=rng)
    yield "", (len(groups), everything)
    for number, name in enumerate(classes):
        of_class = np.flatnonzero(right.column == number)
        if len(of_class):
            _, theirs = np.unique(groups[right.picture[of_class]], return_inverse=True)
            found = right.found[:, :, of_class]
            of = LearningCurve.of(found, sizes, theirs, resamples=resamples, rng=rng)
            yield name, (len(of_class), of)


def tables(found: dict[str, tuple[int, LearningCurve]], now: int) -> Iterator[pd.DataFrame]:
    """The points, the lines as far as they are determined, and what is expected."""
    points, lines, expected = [], [], []
    for name, (count, of) in found.items():
        columns = (of.sizes, of.accuracy, of.least, of.most)
        points.append(pd.DataFrame(dict(zip(LINE[1:], columns, strict=True))).assign(of=name))
        ahead = {times: of.expected(times * now, now=now) for times in TIMES}
        told = [then.pictures for then in ahead.values() if not then.why]
        at = np.geomspace(of.sizes[0], max([of.sizes[-1], *told]), LINE_POINTS).round()
        columns = (at.astype(int), *of.line(at))
        lines.append(pd.DataFrame(dict(zip(LINE[1:], columns, strict=True))).assign(of=name))
        for times, then in ahead.items():
            row = {"of": name, "test": count, "times": times, "now": now}
            expected.append({**row, **asdict(then)})
    yield pd.concat(points)
    yield pd.concat(lines)
    yield pd.DataFrame(expected)


def in_words(of: LearningCurve, now: int) -> str:
    """The accuracy with all pictures, and with twice as many."""
    said = f"accuracy {of.accuracy[-1]:.3f} with {of.sizes[-1]} pictures"
    twice: Expected = of.expected(2 * now, now=now)
    if twice.why:
        return f"{said}; with {twice.pictures} not determined"
    low, high = twice.accuracy_low, twice.accuracy_high
    return f"{said}; with {twice.pictures} expected {twice.accuracy:.3f} ({low:.3f} to {high:.3f})"

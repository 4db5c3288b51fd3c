"""Fewer of the training pictures: how many, and which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from pipeline.measure.splitting import stratified_order

PER_CLASS = 3  # pictures of a class, on average, at the smallest size
RATIO = 20  # of the largest size to the smallest, at most


def subset_sizes(count: int, *, classes: int, sizes: int) -> NDArray[np.int64]:
    """At most `sizes` numbers of pictures, evenly spaced in their logarithms up to `count`.

    The smallest has PER_CLASS pictures of a class on average, and not less than 1 / RATIO of all:
    a power law holds from some size on, and what lies far below tells little of what comes.
    """
    least = min(count, max(PER_CLASS * classes, -(-count // RATIO), 2))
    return np.unique(np.geomspace(least, count, sizes).round().astype(np.int64))


def drawn_order(
    labels: Sequence[tuple[str, ...]], artists: Sequence[str] | None, rng: Generator
) -> NDArray[np.int64]:
    """(N,) all pictures in an order of which every beginning is a subset.

    Every beginning has its share of each combination of labels, to within two pictures. With
    `artists` it is artist after artist, so that only the last is there in part, and has its share
    of the artists of each combination, an artist being of the commonest of his.
    """
    if artists is None:
        return _interleaved(labels, rng)
    of: dict[str, Counter[tuple[str, ...]]] = {}
    for row, artist in zip(labels, artists, strict=True):
        of.setdefault(artist, Counter())[row] += 1
    names = sorted(of)
    commonest = [max(sorted(of[name]), key=of[name].__getitem__) for name in names]
    turn = {names[i]: place for place, i in enumerate(_interleaved(commonest, rng))}
    return np.lexsort((rng.random(len(labels)), np.array([turn[artist] for artist in artists])))


def _interleaved(labels: Sequence[tuple[str, ...]], rng: Generator) -> NDArray[np.int64]:
    """(N,) every beginning has its share of each combination of labels, to within two."""
    order = stratified_order(labels, rng)
    strata = np.unique([repr(sorted(labels[i])) for i in order], return_inverse=True)[1]
    counts = np.bincount(strata)
    starts = np.flatnonzero(np.diff(strata, prepend=-1))
    rank = np.arange(len(order)) - np.repeat(starts, np.diff(starts, append=len(order)))
    place = (rank + rng.random(len(counts))[strata]) / counts[strata]
    return order[np.argsort(place, kind="stable")]

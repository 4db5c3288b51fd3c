"""Which pictures to label: those a run is least sure of, and among them some unlike each other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]

SHORTLIST = 3  # times as many as are wanted: those with the smallest margins


def margins(scores: Array) -> Array:
    """(N, C) -> (N,): the highest score less the second (Scheffer, Decomain & Wrobel 2001, Active
    hidden Markov models for information extraction); of a single class its score."""
    if scores.shape[1] == 1:
        return scores[:, 0]
    ordered = np.sort(scores, axis=1)
    found: Array = ordered[:, -1] - ordered[:, -2]
    return found


def shortlist(scores: Array, *, count: int) -> NDArray[np.int64]:
    """The SHORTLIST * count rows of (N, C) with the smallest margins, the smallest first.

    Of the unsure, then, the unlike (Zhdanov 2019, arXiv 1901.05954, section 3, which clusters them
    by k-means): k centres alone take what is odd and the run is sure of, margins alone the same
    picture many times.
    """
    return np.argsort(margins(scores), kind="stable")[: SHORTLIST * count]


def nearest_squared(x: Array, blocks: Iterable[Array]) -> Array:
    """(N, D) -> (N,): the squared distance to the nearest row of any of the blocks (M, D)."""
    found = np.full(len(x), np.inf)
    own = np.square(x).sum(axis=1)
    for block in blocks:
        if len(block):
            inner = x @ block.T
            squared = own[:, None] + np.square(block).sum(axis=1) - 2 * inner
            found = np.minimum(found, squared.min(axis=1))
    return found.clip(0)


def k_centre(x: Array, squared: Array, *, count: int) -> NDArray[np.int64]:
    """`count` rows of (N, D), or all: one after the other that which is farthest from its nearest
    labelled or chosen one (Sener & Savarese 2018, arXiv 1708.00489, algorithm 1).

    squared: (N,) the squared distances to the nearest labelled picture.
    """
    left = squared.copy()
    chosen: list[int] = []
    for _ in range(min(count, len(x))):
        row = int(left.argmax())
        chosen.append(row)
        left = np.minimum(left, np.square(x - x[row]).sum(axis=1))
        left[chosen] = -1  # below what a copy of one of them has
    return np.array(chosen, np.int64)

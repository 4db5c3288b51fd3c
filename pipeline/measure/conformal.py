"""Sets of classes that hold the right one as often as asked for: split conformal prediction.

The score is that of adaptive prediction sets (Romano, Sesia & Candès 2020, arXiv 2006.02544,
section 2); where pictures come in groups, such as artists, these are exchangeable and not the
pictures, which the quantile allows for (hierarchical conformal prediction: Lee, Barber & Willett
2023, arXiv 2306.06342).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def own_draws(image_ids: Sequence[str]) -> NDArray[np.float64]:
    """(N,) in 0..1: of each picture a number as good as drawn, and always the same.

    image_ids: the first 16 hex digits of the SHA-256 of each picture's file.
    """
    return np.array([int(image_id, 16) for image_id in image_ids], np.float64) / 2**64


def adaptive_scores(scores: Array, draws: Array) -> Array:
    """(N, C): the level from which on the set of a picture holds a class.

    The scores of the classes before it, of equal ones those that come first, and of its own the
    share `draws`, so that sets have the level exactly and not too often.

    scores: (N, C) of exclusive classes, in 0..1; draws: (N,), uniform in 0..1.
    """
    order = np.argsort(-scores, axis=1, kind="stable")
    ranked = np.take_along_axis(scores.astype(np.float64), order, 1)
    before = np.cumsum(ranked, 1) - ranked
    levels = np.empty_like(ranked)
    np.put_along_axis(levels, order, before + draws[:, None] * ranked, 1)
    return levels


def conformal_threshold(levels: Array, groups: Array, *, coverage: float) -> float:
    """The threshold of sets that hold the class of a new group's picture with this probability.

    The quantile at `coverage` of the levels (N,), each group's with the weight 1 / (K + 1) in all,
    and of infinity with the same: what a further group may bring. It is infinite, and sets hold all
    classes, where K groups are too few: fewer than coverage / (1 - coverage).

    levels: (N,) those of the pictures' own classes; groups: (N,) numbers from 0, each picture its
    own where pictures are exchangeable.
    """
    sizes = np.bincount(groups)
    order = np.argsort(levels, kind="stable")
    weights = 1 / ((len(sizes) + 1) * sizes[groups[order]])
    reached = np.flatnonzero(np.cumsum(weights) >= coverage - 1e-9)
    return float(levels[order[reached[0]]]) if len(reached) else float("inf")


def prediction_sets(scores: Array, draws: Array, threshold: float) -> NDArray[np.bool_]:
    """(N, C): the classes in each picture's set, those with a level up to the threshold.

    None is empty: the class with the highest score is in all, which makes them hold the right one
    more often, never less. scores, draws: as of `adaptive_scores`.
    """
    held: NDArray[np.bool_] = adaptive_scores(scores, draws) <= threshold
    held[np.arange(len(scores)), scores.argmax(1)] = True
    return held

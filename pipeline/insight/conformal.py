"""Sets of classes that hold the right one as often as asked for: split conformal prediction.

The score is that of adaptive prediction sets (Romano, Sesia & Candès 2020, arXiv 2006.02544,
section 2); where pictures come in groups, such as artists, these are exchangeable and not the
pictures, which the quantile allows for (hierarchical conformal prediction: Lee, Barber & Willett
2023, arXiv 2306.06342).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from pipeline.measure.resampling import expanded_interval, resampling_weights

Array = NDArray[Any]


def adaptive_scores(scores: Array, *, rng: Generator) -> Array:
    """(N, C): the level from which on the set of a picture holds a class.

    The scores of the classes before it, of equal ones those that come first, and of its own a share
    drawn once for each picture, so that sets have the level exactly and not too often.

    scores: (N, C) of exclusive classes, in 0..1.
    """
    order = np.argsort(-scores, axis=1, kind="stable")
    ranked = np.take_along_axis(scores.astype(np.float64), order, 1)
    before = np.cumsum(ranked, 1) - ranked
    levels = np.empty_like(ranked)
    np.put_along_axis(levels, order, before + rng.random((len(scores), 1)) * ranked, 1)
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


def prediction_sets(levels: Array, threshold: float) -> NDArray[np.bool_]:
    """(N, C): the classes in each picture's set, by the levels of `adaptive_scores`."""
    held: NDArray[np.bool_] = levels <= threshold
    return held


@dataclass(frozen=True)
class Held:
    """Of N test pictures: whether the set holds the picture's class, (N,), and its size, (N,)."""

    covered: NDArray[np.bool_]
    sizes: NDArray[np.int64]
    threshold: float

    @classmethod
    def of(
        cls,
        validation: tuple[Array, Array],
        test: tuple[Array, Array],
        groups: Array,
        *,
        coverage: float,
        rng: Generator,
    ) -> Held:
        """Sets of the test pictures, their threshold set on validation. Each is given as scores
        (N, C) and targets (N, C) of 0 and 1; groups: (N,) those of the validation pictures."""
        (scores, targets), (test_scores, test_targets) = validation, test
        own = adaptive_scores(scores, rng=rng)[targets == 1]
        threshold = conformal_threshold(own, groups, coverage=coverage)
        held = prediction_sets(adaptive_scores(test_scores, rng=rng), threshold)
        return cls((held & (test_targets == 1)).any(1), held.sum(1), threshold)


def mean_over_groups(
    values: Array, groups: Array, *, resamples: int, rng: Generator
) -> tuple[float, float, float]:
    """Mean over the groups of their means, what the promised coverage is of, and its 95 % bootstrap
    interval. values: (N,) in 0..1; of a single group the interval is 0 to 1."""
    means = (np.bincount(groups, values) / np.bincount(groups)).astype(np.float32)
    if len(means) == 1:
        return float(means.mean()), 0.0, 1.0
    drawn = [
        means @ weights / len(means)
        for weights in resampling_weights(len(means), resamples=resamples, rng=rng)
    ]
    return float(means.mean()), *expanded_interval(np.concatenate(drawn), len(means))

"""How often sets of classes, their threshold set on validation, hold the right one on the test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from pipeline.measure.conformal import adaptive_scores, conformal_threshold, prediction_sets
from pipeline.measure.resampling import expanded_interval, resampling_weights

Array = NDArray[Any]


@dataclass(frozen=True)
class Held:
    """Of N test pictures: whether the set holds the picture's class, (N,), and its size, (N,)."""

    covered: NDArray[np.bool_]
    sizes: NDArray[np.int64]
    threshold: float

    @classmethod
    def of(
        cls,
        validation: tuple[Array, Array, Array],
        test: tuple[Array, Array, Array],
        groups: Array,
        *,
        coverage: float,
    ) -> Held:
        """Sets of the test pictures, their threshold set on validation. Each is given as scores
        (N, C), targets (N, C) of 0 and 1, and draws (N,) in 0..1; groups: (N,) those of the
        validation pictures."""
        (scores, targets, draws), (test_scores, test_targets, test_draws) = validation, test
        own = adaptive_scores(scores, draws)[targets == 1]
        threshold = conformal_threshold(own, groups, coverage=coverage)
        held = prediction_sets(test_scores, test_draws, threshold)
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

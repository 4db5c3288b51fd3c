"""Intervals of an accuracy: over test pictures, and over splits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import stdtrit

Array = NDArray[Any]


def bootstrap_interval(
    values: Array,
    groups: Sequence[str] | None = None,
    *,
    resamples: int,
    rng: Generator,
    level: float = 0.95,
) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean of `values` (N,), drawn singly or by `groups`.

    The values are in 0..1; as one group tells nothing of others, its interval is 0 to 1.
    """
    if groups is not None and len(set(groups)) == 1:
        return 0.0, 1.0
    position = np.arange(len(values))
    if groups is not None:
        _, position = np.unique(np.asarray(groups), return_inverse=True)
    sums, sizes = np.bincount(position, values), np.bincount(position)
    draws = (rng.integers(len(sums), size=len(sums)) for _ in range(resamples))
    means = [sums[draw].sum() / sizes[draw].sum() for draw in draws]
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def resampled_interval(values: Array, *, ratio: float, level: float = 0.95) -> tuple[float, float]:
    """Interval of the mean of `values` (J,), one per random split of the same pictures.

    mean ± t √((1 / J + ratio) s²), with `ratio` test pictures to one for training (Nadeau & Bengio
    2003, Inference for the generalization error): splits that share pictures tell less than as many
    new sets would, so that the 1 / J alone would be too narrow.
    """
    values = np.asarray(values, np.float64)
    quantile = stdtrit(len(values) - 1, (1 + level) / 2)  # Student's t
    half = quantile * np.sqrt((1 / len(values) + ratio) * values.var(ddof=1))
    return float(values.mean() - half), float(values.mean() + half)

"""Bootstrap of any statistic of counts: the same draws of groups for all that is compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

WEIGHTS = 2**22  # held at once: 16 MiB


def group_positions(groups: Sequence[str] | None, count: int) -> NDArray[np.int64]:
    """(N,) the number, from 0, of each picture's group; without `groups` each is its own."""
    if groups is None:
        return np.arange(count)
    _, position = np.unique(np.asarray(groups), return_inverse=True)
    return position.astype(np.int64)


def resampling_weights(
    n_groups: int, *, resamples: int, rng: Generator
) -> Iterator[NDArray[np.float32]]:
    """Blocks (G, b) of how often each of G groups is drawn in b of the resamples, G draws each.

    A sum over a resample is then the groups' sums times its column, exact below 2**24.
    """
    size = max(1, WEIGHTS // n_groups)
    for start in range(0, resamples, size):
        b = min(size, resamples - start)
        drawn = rng.integers(n_groups, size=(b, n_groups)) + n_groups * np.arange(b)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=b * n_groups)
        yield np.ascontiguousarray(counts.reshape(b, n_groups).T, np.float32)


def expanded_interval(
    statistics: NDArray[Any], n_groups: int, *, level: float = 0.95
) -> tuple[float, float]:
    """Expanded percentile interval of a statistic's B values over resamples of two or more groups.

    The percentile interval is too narrow for few groups, as if Student's t with n - 1 degrees were
    normal and the variance had n for n - 1; the expanded takes the quantiles at
    Φ(± √(n / (n - 1)) t) instead (Hesterberg 2015, The American Statistician 69:371).
    """
    t = stdtrit(n_groups - 1, (1 + level) / 2)
    tail = ndtr(-np.sqrt(n_groups / (n_groups - 1)) * t)
    low, high = np.quantile(statistics, [tail, 1 - tail])
    return float(low), float(high)

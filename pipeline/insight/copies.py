"""What the test pictures that have a near copy in training do to the accuracy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from pipeline.artifacts.insight import COPIES
from pipeline.measure.resampling import expanded_interval, resampling_weights

Array = NDArray[Any]


def without_copies(
    hits: Mapping[str, Array],
    copied: NDArray[np.bool_],
    groups: Array,
    *,
    resamples: int,
    rng: Generator,
) -> pd.DataFrame:
    """COPIES: a row for each run; none where no picture is copied, or each is.

    without: the accuracy on the pictures that are not copied; difference: that less the accuracy on
    all, with its 95 % interval by a paired bootstrap over the groups: both are of the same
    resample. A single group tells nothing of others: -1 to 1.

    hits: of each run (N,) in 0..1, the share of its trainings that are right; copied: (N,); groups:
    (N,) numbers from 0 of the pictures' artists, or of themselves.
    """
    if not copied.any() or copied.all():
        return pd.DataFrame(columns=COPIES)
    n_groups = int(groups.max()) + 1
    right = np.array(list(hits.values()), np.float64)

    def counted(kept: NDArray[np.bool_]) -> tuple[Array, Array]:
        sums = [np.bincount(groups[kept], row[kept], minlength=n_groups) for row in right]
        sizes = np.bincount(groups[kept], minlength=n_groups)
        return np.array(sums, np.float32), sizes.astype(np.float32)

    every, others = counted(np.full(len(copied), True)), counted(~copied)
    found = [np.zeros((len(right), 0))]
    if n_groups > 1:
        for weights in resampling_weights(n_groups, resamples=resamples, rng=rng):
            drawn = weights[:, others[1] @ weights > 0]  # that hold a picture that is not copied
            found.append(_mean(others, drawn) - _mean(every, drawn))
    differences = np.concatenate(found, 1)
    rows = []
    for run, of, resampled in zip(hits, right, differences, strict=True):
        low, high = expanded_interval(resampled, n_groups) if n_groups > 1 else (-1.0, 1.0)
        accuracy, without = of.mean(), of[~copied].mean()
        rows.append((run, accuracy, without, without - accuracy, low, high))
    return pd.DataFrame(rows, columns=COPIES)


def _mean(of: tuple[Array, Array], weights: Array) -> Array:
    """Of sums (K, G) and sizes (G,) in each of b resamples (G, b): (K, b)."""
    sums, sizes = of
    mean: Array = (sums @ weights) / (sizes @ weights)
    return mean

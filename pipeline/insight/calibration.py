"""Whether scores can be taken for probabilities.

Guo, Pleiss, Sun & Weinberger 2017, On calibration of modern neural networks, arXiv 1706.04599.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from pipeline.measure.resampling import group_positions, resampling_weights

Array = NDArray[Any]

BINS = 15  # as in the paper


def confidences(scores: Array, targets: Array, *, multilabel: bool) -> tuple[Array, Array]:
    """What is said with which confidence, and whether it is so: (M,) in 0..1 and (M,) of 0 and 1.

    Of scores (N, C) of exclusive classes those of the top class, M = N; where a picture may have
    several, all of them, M = N C.
    """
    if multilabel:
        return scores.ravel(), targets.ravel()
    top = scores.argmax(1)
    rows = np.arange(len(scores))
    return scores[rows, top], targets[rows, top]


def reliability(confidence: Array, right: Array) -> pd.DataFrame:
    """A row for each bin of equal width that holds some: count, confidence and accuracy (means)."""
    position = _bins(confidence)
    count = np.bincount(position, minlength=BINS)
    table = pd.DataFrame({"bin": range(BINS), "count": count})
    for name, values in (("confidence", confidence), ("accuracy", right)):
        table[name] = np.bincount(position, values, minlength=BINS) / np.maximum(count, 1)
    return table[count > 0]


def calibration_error(confidence: Array, right: Array) -> float:
    """Expected calibration error, in 0..1 (equation 3)."""
    table = reliability(confidence, right)
    gaps = (table["accuracy"] - table["confidence"]).abs()
    return float((gaps * table["count"]).sum() / table["count"].sum())


def calibration_error_interval(
    confidence: Array,
    right: Array,
    groups: Sequence[str] | None,
    *,
    n_pictures: int,
    resamples: int,
    rng: Generator,
) -> tuple[float, float]:
    """Interval that holds the calibration error with 95 % or more, by bootstrap over pictures or
    `groups` of them (N,).

    The error of a sample is too large on average, as chance alone sets accuracy and confidence
    apart, so that no percentile interval of it holds a small one. But it differs from the true one
    at most by the error of the bins' gaps, summed as they are: the interval is what was found,
    less and plus the 95 % quantile of that sum in the resamples. A single group tells nothing of
    others: 0 to 1.

    confidence, right: (M,) as of `confidences`, M a multiple of N, picture by picture.
    """
    position = group_positions(groups, n_pictures)
    n_groups, each = int(position.max()) + 1, len(confidence) // n_pictures
    if n_groups == 1:
        return 0.0, 1.0
    cell = _bins(confidence) * n_groups + np.repeat(position, each)
    gaps = np.bincount(cell, right - confidence, minlength=BINS * n_groups)
    by_bin = gaps.reshape(BINS, n_groups).astype(np.float32)
    sizes = each * np.bincount(position).astype(np.float32)
    seen = by_bin.sum(1, keepdims=True) / sizes.sum()
    apart = [
        np.abs(by_bin @ weights / (sizes @ weights) - seen).sum(0)
        for weights in resampling_weights(n_groups, resamples=resamples, rng=rng)
    ]
    off = float(np.quantile(np.concatenate(apart), 0.95))
    error = float(np.abs(seen).sum())
    return max(0.0, error - off), min(1.0, error + off)


def _bins(confidence: Array) -> NDArray[np.int64]:
    position = np.ceil(confidence * BINS).astype(np.int64) - 1
    bounded: NDArray[np.int64] = np.clip(position, 0, BINS - 1)
    return bounded

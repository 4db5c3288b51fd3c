"""One number that makes scores milder or sharper, so that they are closer to probabilities.

Guo, Pleiss, Sun & Weinberger 2017, On calibration of modern neural networks, arXiv 1706.04599.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_softmax, logit

Array = NDArray[Any]

LEAST = float(np.finfo(np.float32).eps)  # a score of 0 counts as this
COLDEST, HOTTEST = 0.05, 20.0  # temperatures that are tried


def log_loss(scores: Array, targets: Array, *, temperature: float, multilabel: bool) -> float:
    """Mean over pictures, and over classes where several are possible, at a temperature.

    scores: (N, C) in 0..1; targets: (N, C) of 0 and 1.
    """
    logits = _logits(scores, multilabel=multilabel) / temperature
    if multilabel:
        return float(np.logaddexp(0, np.where(targets == 1, -logits, logits)).mean())
    own = log_softmax(logits, axis=1)[np.arange(len(targets)), targets.argmax(1)]
    return float(-own.mean())


def fit_temperature(scores: Array, targets: Array, *, multilabel: bool) -> float:
    """The temperature with the least `log_loss`, between COLDEST and HOTTEST."""

    def loss(log_temperature: float) -> float:
        temperature = float(np.exp(log_temperature))
        return log_loss(scores, targets, temperature=temperature, multilabel=multilabel)

    bounds = (np.log(COLDEST), np.log(HOTTEST))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))


def at_temperature(
    scores: Array, temperature: float | None, *, multilabel: bool
) -> NDArray[np.float32]:
    """(N, C) scores whose logits are divided by the temperature: more than 1 makes them milder.

    softmax(log p / T) of exclusive classes, else each class its sigmoid (section 4.2); None leaves
    them as they are. What was the higher of two scores of a picture stays so, except next to 0.
    """
    if temperature is None:
        return scores.astype(np.float32, copy=False)
    logits = _logits(scores, multilabel=multilabel) / temperature
    tempered = expit(logits) if multilabel else np.exp(log_softmax(logits, axis=1))
    return _in_the_order_of(scores, tempered.astype(np.float32))


def _in_the_order_of(scores: Array, tempered: NDArray[np.float32]) -> NDArray[np.float32]:
    """Lower what rounding has made equal to a score that it was below."""
    order = np.argsort(-scores, axis=1, kind="stable")
    before, after = (np.take_along_axis(array, order, 1) for array in (scores, tempered))
    for column in range(1, scores.shape[1]):
        highest = after[:, column - 1]
        below = before[:, column] < before[:, column - 1]
        most = np.where(below, np.nextafter(highest, np.float32(0)), highest)
        after[:, column] = np.minimum(after[:, column], most)
    np.put_along_axis(tempered, order, after, 1)
    return tempered


def _logits(scores: Array, *, multilabel: bool) -> Array:
    scores = scores.astype(np.float64)
    if multilabel:
        logits: Array = logit(np.clip(scores, LEAST, 1 - LEAST))
        return logits
    return np.log(np.maximum(scores, LEAST))

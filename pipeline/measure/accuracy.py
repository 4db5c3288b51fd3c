"""Accuracy, which is hit@1, and the row of a training that holds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


def hits(scores: NDArray[np.floating[Any]], targets: NDArray[Any]) -> NDArray[np.bool_]:
    """(…, N, C) and (N, C) of 0 and 1 -> (…, N): whether the highest score stands at a 1."""
    top = scores.argmax(-1)
    found: NDArray[np.bool_] = targets[np.arange(len(targets)), top] == 1
    return found


def hit_at_1(scores: NDArray[np.floating[Any]], targets: NDArray[Any]) -> float:
    """The share of hits."""
    return float(hits(scores, targets).mean())


@dataclass(frozen=True)
class Epoch:
    """One row of a training history.

    `loss` is the mean over the epoch, each batch's before its step. The accuracies are hit@1 after
    the epoch: the share of samples whose top-scoring class is (one of) the true one(s).
    """

    epoch: int  # from 1, counting on through the members of an ensemble
    loss: float
    accuracy: float
    validation_accuracy: float | None  # None without validation data
    member: int = 1

"""Accuracy, which is hit@1, the rows of trainings that hold it, and when a training diverged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

RUNAWAY = 1000.0  # times the first epoch's loss, or 1 if that is less


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


@dataclass(frozen=True)
class Tried:
    """The strength of a penalty, and what it makes of the validation samples."""

    value: float
    accuracy: float  # hit@1
    log_loss: float


def best_tried(path: Sequence[Tried]) -> Tried:
    """That with the least log loss, of equal ones the first."""
    return min(path, key=lambda tried: tried.log_loss)


def diverged(losses: Sequence[float]) -> bool:
    """Whether a training has left every bound in the last of its epochs, which had these losses.

    That is no finite number then, or in absolute value more than RUNAWAY times the first: a loss
    may fall without end too, as the cross-entropy of targets outside [0, 1] has no lower bound.
    """
    bound = RUNAWAY * max(1.0, abs(losses[0]))
    return not math.isfinite(losses[-1]) or abs(losses[-1]) > bound

"""A row of a training history, and the accuracy in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


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


def hit_at_1(scores: NDArray[np.floating[Any]], targets: NDArray[Any]) -> float:
    """Share of rows whose highest score stands where `targets` has a 1."""
    return float(targets[np.arange(len(targets)), scores.argmax(axis=1)].mean())

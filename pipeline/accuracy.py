"""Accuracy, which is hit@1: picture by picture, and the run that is best by it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.predictions import Predictions


def hits(predictions: Predictions) -> NDArray[np.bool_]:
    """(R, N): whether the top class is (one of) the picture's classes, hit@1."""
    top = predictions.scores.argmax(2)  # (R, N)
    found: NDArray[np.bool_] = predictions.targets[np.arange(top.shape[1]), top] == 1
    return found


def best_run(metrics: dict[str, dict[str, float]]) -> str:
    """The run with the highest validation accuracy; of equal ones the first."""
    return max(metrics, key=lambda name: metrics[name]["validation_accuracy"])

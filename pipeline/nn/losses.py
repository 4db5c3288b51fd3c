"""Losses of logits z (N, C) against targets y (N, C), stable for logits of any size.

A loss is summed over the C outputs and averaged over the N samples.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from pipeline.nn.layers import Array


class Loss(ABC):
    @abstractmethod
    def __call__(self, logits: Array, targets: Array) -> float:
        """The loss L."""

    @abstractmethod
    def grad(self, logits: Array, targets: Array) -> Array:
        """dL/dz, (N, C)."""


class CrossEntropy(Loss):
    """Of probabilities p(z); its derivative is the same for both kinds."""

    @abstractmethod
    def probabilities(self, logits: Array) -> Array:
        """p (N, C) in [0, 1], in the dtype of `logits`."""

    def grad(self, logits: Array, targets: Array) -> Array:
        """dL/dz = (p - y) / N, (N, C)."""
        grad = self.probabilities(logits)
        grad -= targets
        grad /= len(logits)
        return grad


class BinaryCrossEntropy(CrossEntropy):
    """C independent sigmoid outputs p = σ(z) = 1 / (1 + exp(-z)).

    L = 1/N Σ -y log p - (1 - y) log(1 - p) = 1/N Σ max(z, 0) - y z + log(1 + exp(-|z|))

    The targets may be any real numbers, for residuals are fitted too; outside [0, 1] L has no lower
    bound while its gradient stays bounded.
    """

    def __call__(self, logits: Array, targets: Array) -> float:
        losses = np.maximum(logits, 0) - targets * logits + np.log1p(np.exp(-np.abs(logits)))
        return float(losses.sum(dtype=np.float64)) / len(logits)

    def probabilities(self, logits: Array) -> Array:
        decay = np.exp(-np.abs(logits))  # at most 1: never overflows
        p: Array = np.where(logits >= 0, 1, decay)
        p /= 1 + decay
        return p


class SoftmaxCrossEntropy(CrossEntropy):
    """One class among C: p_c = exp(z_c) / Σ_k exp(z_k).

    L = 1/N Σ -y log p = 1/N Σ_n (log Σ_k exp(z_nk) - Σ_c y_nc z_nc)

    The targets are distributions (one-hot rows): each row sums to 1.
    """

    def __call__(self, logits: Array, targets: Array) -> float:
        shifted = logits - logits.max(axis=1, keepdims=True)
        losses = np.log(np.exp(shifted).sum(axis=1)) - (targets * shifted).sum(axis=1)
        return float(losses.sum(dtype=np.float64)) / len(logits)

    def probabilities(self, logits: Array) -> Array:
        p: Array = np.exp(logits - logits.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        return p


class WeightedSquaredError(Loss):
    """Linear outputs z fitted to real values t, each with a weight w >= 0.

    L = 1/N Σ w (z - t)² / 2, the targets t and w stacked: (N, 2, C)
    """

    def __call__(self, logits: Array, targets: Array) -> float:
        t, w = targets[:, 0], targets[:, 1]
        return float((w * (logits - t) ** 2).sum(dtype=np.float64)) / 2 / len(logits)

    def grad(self, logits: Array, targets: Array) -> Array:
        """dL/dz = w (z - t) / N, (N, C)."""
        t, w = targets[:, 0], targets[:, 1]
        grad: Array = w * (logits - t) / len(logits)
        return grad

"""Batch normalisation, over the whole batch also where processes have parts of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import DTypeLike

from pipeline.nn.layers import Array, Layer


class BatchNorm(Layer):
    """y = γ (x - μ) / √(σ² + ε) + β for each channel (arXiv 1502.03167, algorithm 1), (…, C).

    μ and σ² are mean and variance over all axes but the last: in training those of the batch, in
    evaluation the running ones, of which each batch replaces the share `momentum`; the running
    variance is the unbiased one. γ is 1 and β 0 at first.
    """

    def __init__(
        self,
        channels: int,
        *,
        momentum: float = 0.1,
        epsilon: float = 1e-5,
        dtype: DTypeLike = np.float32,
    ) -> None:
        super().__init__()
        self.momentum = momentum
        self.epsilon = epsilon
        self.params = (np.ones(channels, dtype), np.zeros(channels, dtype))
        self.grads = (np.zeros(channels, dtype), np.zeros(channels, dtype))
        self.buffers = {
            "running_mean": np.zeros(channels, dtype),
            "running_variance": np.ones(channels, dtype),
        }
        # Between the replicas of a layer: the sum of what each has, and which one counts the batch.
        self.total: Callable[[Array], Array] = _alone
        self.counts = True

    def forward(self, x: Array, *, training: bool) -> Array:
        gamma, beta = self.params
        mean, variance = self.buffers["running_mean"], self.buffers["running_variance"]
        if not training:
            scale = gamma / np.sqrt(variance + self.epsilon)
            y: Array = x * scale
            y += beta - mean * scale
            return y
        sums = self.total(np.append(_sum(x), x.dtype.type(x.size // x.shape[-1])))
        self._count = count = sums[-1]
        batch_mean = sums[:-1] / count
        centred = self._own("centred", x.shape, x.dtype)
        np.subtract(_rows(x), _tiled(batch_mean, x), out=_rows(centred))
        y = self._own("y", x.shape, x.dtype)
        batch_variance = self.total(_sum(np.square(centred, out=y))) / count
        self._centred, self._scale = centred, 1 / np.sqrt(batch_variance + self.epsilon)
        np.multiply(_rows(centred), _tiled(gamma * self._scale, x), out=_rows(y))
        _rows(y)[...] += _tiled(beta, x)
        if self.counts:
            mean += self.momentum * (batch_mean - mean)
            unbiased = batch_variance * (count / max(count - 1, 1))
            variance += self.momentum * (unbiased - variance)
        return y

    def backward(self, grad: Array) -> Array:
        centred, scale = self._centred, self._scale
        grad_in = self._own("grad_in", grad.shape, grad.dtype)
        self.grads[0][...] = _sum(np.multiply(grad, centred, out=grad_in)) * scale
        self.grads[1][...] = _sum(grad)
        sums = self.total(np.stack(self.grads)) / self._count
        # dL/dx = γ s (g - mean(g) - s c mean(g s c)), c = x - μ and s = 1 / √(σ² + ε)
        rows = _rows(grad_in)
        np.multiply(_rows(centred), _tiled(scale * sums[0], grad), out=rows)
        rows += _tiled(sums[1], grad)
        np.subtract(_rows(grad), rows, out=rows)
        rows *= _tiled(self.params[0] * scale, grad)
        return grad_in


def _alone(own: Array) -> Array:
    return own


def _sum(x: Array) -> Array:
    """Over all axes but the last; a product is faster than `np.sum`."""
    channels: Array = np.ones(x.size // x.shape[-1], x.dtype) @ x.reshape(-1, x.shape[-1])
    return channels


def _rows(x: Array) -> Array:
    """A view whose long rows are faster to go through than its channels."""
    return x.reshape(-1, _width(x) * x.shape[-1])


def _tiled(channels: Array, x: Array) -> Array:
    """`channels` (C,) for each of the positions in a row of `_rows(x)`."""
    return np.tile(channels, _width(x))


def _width(x: Array) -> int:
    return x.shape[2] if x.ndim == 4 else 1

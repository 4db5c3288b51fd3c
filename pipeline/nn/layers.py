"""Layers: affine map, rectifier, dropout; each with its gradient.

Arrays hold one sample per row. A layer computes in the dtype of its parameters and its input.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import DTypeLike, NDArray

Array = NDArray[np.floating[Any]]


class Layer(ABC):
    """A differentiable map y = f(x).

    `params` and `grads` are parallel: after `backward`, `grads[i]` is dL/d`params[i]`. Both keep
    their arrays for life; only the contents change.
    """

    params: tuple[Array, ...] = ()
    grads: tuple[Array, ...] = ()

    @abstractmethod
    def forward(self, x: Array, *, training: bool) -> Array:
        """x (N, n_in) -> y (N, n_out). In training keeps what `backward` needs."""

    @abstractmethod
    def backward(self, grad: Array) -> Array:
        """dL/dy (N, n_out) -> dL/dx (N, n_in); fills `grads`. Follows a `forward` in training."""

    def backward_params(self, grad: Array) -> None:
        """As `backward`, where nobody asks for dL/dx: a first layer saves a product."""
        self.backward(grad)


class Dense(Layer):
    """Affine map y = x W + b, (N, n_in) -> (N, n_out).

    W (n_in, n_out) is drawn from N(0, `scale`²), b (n_out,) is zero. `scale=None` stands for
    √(2 / n_in), which keeps the variance through rectifiers (arXiv 1502.01852, eq. 10).
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        *,
        rng: Generator,
        scale: float | None = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        if scale is None:
            scale = math.sqrt(2 / n_in)
        weight = (rng.standard_normal((n_in, n_out)) * scale).astype(dtype)
        self.params = (weight, np.zeros(n_out, dtype))
        self.grads = (np.zeros_like(weight), np.zeros(n_out, dtype))

    def forward(self, x: Array, *, training: bool) -> Array:
        if training:
            self._x = x
        weight, bias = self.params
        y: Array = x @ weight
        y += bias
        return y

    def backward(self, grad: Array) -> Array:
        self.backward_params(grad)
        # grad @ W.T the other way round: OpenBLAS takes two thirds of the time for it.
        grad_in: Array = (self.params[0] @ grad.T).T
        return grad_in

    def backward_params(self, grad: Array) -> None:
        np.matmul(self._x.T, grad, out=self.grads[0])
        np.sum(grad, axis=0, out=self.grads[1])


class ReLU(Layer):
    """y = max(x, 0), any shape."""

    def forward(self, x: Array, *, training: bool) -> Array:
        y: Array = np.maximum(x, 0)
        if training:
            self._positive = y > 0
        return y

    def backward(self, grad: Array) -> Array:
        return grad * self._positive


class Dropout(Layer):
    """Inverted dropout, any shape: in training y = x m / (1 - rate), m ~ Bernoulli(1 - rate).

    The expectation of y is x (JMLR 15:1929, section 10), so that evaluation is the identity.
    `rate` lies in [0, 1).
    """

    def __init__(self, rate: float, *, rng: Generator) -> None:
        if not 0 <= rate < 1:
            raise ValueError(f"rate must be in [0, 1), got {rate!r}")
        self.rate = rate
        self._rng = rng

    def forward(self, x: Array, *, training: bool) -> Array:
        if not training:
            return x
        kept = self._rng.random(x.shape, dtype=np.float32) >= self.rate
        self._mask = kept.astype(x.dtype) / (1 - self.rate)
        return x * self._mask

    def backward(self, grad: Array) -> Array:
        return grad * self._mask

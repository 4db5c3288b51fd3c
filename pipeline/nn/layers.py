"""Layers of every network: affine map, rectifier, dropout; each with its gradient.

Arrays hold one sample per row. A layer computes in the dtype of its parameters and its input.
"""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
from numpy.random import Generator
from numpy.typing import DTypeLike, NDArray

from pipeline.nn.initialization import initial_weights

Array = NDArray[np.floating[Any]]


class Layer(ABC):
    """A differentiable map y = f(x).

    `params` and `grads` are parallel: after `backward`, `grads[i]` is dL/d`params[i]`. `buffers`
    are what a layer has learned beside its parameters, by name.

    In training a layer writes its results into arrays of its own, which its next call overwrites.
    In evaluation it changes nothing of itself.
    """

    params: tuple[Array, ...] = ()
    grads: tuple[Array, ...] = ()

    def __init__(self) -> None:
        self.buffers: dict[str, Array] = {}
        self._workspace: dict[str, Array] = {}

    @abstractmethod
    def forward(self, x: Array, *, training: bool) -> Array:
        """x (N, …) -> y (N, …). In training keeps what `backward` needs."""

    @abstractmethod
    def backward(self, grad: Array) -> Array:
        """dL/dy -> dL/dx; fills `grads`. Follows a `forward` in training."""

    def backward_params(self, grad: Array) -> None:
        """As `backward`, where nobody asks for dL/dx: a first layer saves a product."""
        self.backward(grad)

    def __getstate__(self) -> dict[str, Any]:
        kept = {k: v for k, v in vars(self).items() if not k.startswith("_") or k == "_rng"}
        return {**kept, "grads": (), "_workspace": {}}

    def replica(self) -> Self:
        """The same layer with the same parameters and buffers, to be used beside this one.

        Its `grads` are to be replaced.
        """
        return copy.copy(self)  # without what is its own

    def _own(self, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
        """An array kept under `name`, at first 0: the rows of the largest one asked for so far."""
        kept = self._workspace.get(name)
        if (
            kept is None
            or len(kept) < shape[0]
            or (kept.shape[1:], kept.dtype) != (shape[1:], dtype)
        ):
            kept = self._workspace[name] = np.zeros(shape, dtype)
        return kept[: shape[0]]


class Linear(Layer):
    """Weights W (…, n_in, n_out), drawn as `initialization` says for `init`, and biases b (n_out,).

    b is zero at first, absent where `bias` is false.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        *,
        rng: Generator,
        init: str = "he",
        bias: bool = True,
        dtype: DTypeLike = np.float32,
    ) -> None:
        super().__init__()
        weight = initial_weights(shape, init=init, rng=rng, dtype=dtype)
        self.params = (weight, np.zeros(shape[-1], dtype)) if bias else (weight,)
        self.grads = tuple(np.zeros_like(p) for p in self.params)


class Dense(Linear):
    """Affine map y = x W + b, (N, n_in) -> (N, n_out); options as of `Linear`."""

    def __init__(self, n_in: int, n_out: int, **options: Any) -> None:
        super().__init__((n_in, n_out), **options)

    def forward(self, x: Array, *, training: bool) -> Array:
        weight, *bias = self.params
        y = None
        if training:
            self._x = x
            y = self._own("y", (len(x), weight.shape[1]), x.dtype)
        y = np.matmul(x, weight, out=y)
        if bias:
            y += bias[0]
        return y

    def backward(self, grad: Array) -> Array:
        self.backward_params(grad)
        weight = self.params[0]
        # grad @ W.T the other way round: OpenBLAS takes two thirds of the time for it.
        transposed = self._own("grad_in", (len(weight), len(grad)), grad.dtype)
        return np.matmul(weight, grad.T, out=transposed).T

    def backward_params(self, grad: Array) -> None:
        np.matmul(self._x.T, grad, out=self.grads[0])
        if len(self.params) == 2:
            np.sum(grad, axis=0, out=self.grads[1])


class ReLU(Layer):
    """y = max(x, 0), any shape."""

    def forward(self, x: Array, *, training: bool) -> Array:
        # A product with x > 0 takes less time than a maximum, which has to look for NaN.
        if not training:
            return x * (x > 0)
        self._positive = np.greater(x, 0, out=self._own("positive", x.shape, np.bool_))
        return np.multiply(x, self._positive, out=self._own("y", x.shape, x.dtype))

    def backward(self, grad: Array) -> Array:
        return np.multiply(grad, self._positive, out=self._own("grad", grad.shape, grad.dtype))


class Dropout(Layer):
    """Inverted dropout, any shape: in training y = x m / (1 - rate), m ~ Bernoulli(1 - rate).

    The expectation of y is x (JMLR 15:1929, section 10), so that evaluation is the identity.
    `rate` lies in [0, 1).
    """

    def __init__(self, rate: float, *, rng: Generator) -> None:
        super().__init__()
        if not 0 <= rate < 1:
            raise ValueError(f"rate must be in [0, 1), got {rate!r}")
        self.rate = rate
        self._rng = rng

    def forward(self, x: Array, *, training: bool) -> Array:
        if not training:
            return x
        draws = self._own("draws", x.shape, np.float32)
        self._rng.random(out=draws, dtype=np.float32)
        kept = np.greater_equal(draws, self.rate, out=self._own("kept", x.shape, np.bool_))
        self._mask = np.multiply(kept, 1 / (1 - self.rate), out=self._own("mask", x.shape, x.dtype))
        return np.multiply(x, self._mask, out=self._own("y", x.shape, x.dtype))

    def backward(self, grad: Array) -> Array:
        return np.multiply(grad, self._mask, out=self._own("grad", grad.shape, grad.dtype))

    def replica(self) -> Self:
        twin = super().replica()
        twin._rng = offspring(self._rng)
        return twin


class Flatten(Layer):
    """(N, …) -> (N, n)."""

    def forward(self, x: Array, *, training: bool) -> Array:
        if training:
            self._shape = x.shape[1:]
        return x.reshape(len(x), math.prod(x.shape[1:]))

    def backward(self, grad: Array) -> Array:
        return grad.reshape(len(grad), *self._shape)


def offspring(rng: Generator) -> Generator:
    """A generator of other draws, decided by `rng`."""
    return np.random.default_rng(rng.integers(2**63))

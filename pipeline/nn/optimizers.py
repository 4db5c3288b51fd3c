"""Optimizers: in-place updates of parameters θ from gradients g.

An optimizer keeps the arrays it was made with; `step` takes the gradients in the same order.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np

from pipeline.nn.layers import Array


class Optimizer(Protocol):
    def step(self, grads: Sequence[Array]) -> None:
        """Change the parameters in place; `grads` are not changed."""


class SGD:
    """Gradient descent: θ ← θ - learning_rate · g."""

    def __init__(self, params: Sequence[Array], learning_rate: float) -> None:
        self.params = list(params)
        self.learning_rate = learning_rate
        self._scratch = [np.empty_like(p) for p in self.params]

    def step(self, grads: Sequence[Array]) -> None:
        for p, g, update in zip(self.params, grads, self._scratch, strict=True):
            np.multiply(g, self.learning_rate, out=update)
            p -= update


class Adam:
    """Adam (arXiv 1412.6980, algorithm 1).

    m ← β₁ m + (1 - β₁) g,  v ← β₂ v + (1 - β₂) g²
    θ ← θ - learning_rate · m̂ / (√v̂ + ε)  with m̂ = m / (1 - β₁ᵗ), v̂ = v / (1 - β₂ᵗ)
    """

    def __init__(
        self,
        params: Sequence[Array],
        learning_rate: float,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
    ) -> None:
        self.params = list(params)
        self.learning_rate = learning_rate
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self._t = 0
        self._m = [np.zeros_like(p) for p in self.params]
        self._v = [np.zeros_like(p) for p in self.params]
        self._scratch = [np.empty_like(p) for p in self.params]

    def step(self, grads: Sequence[Array]) -> None:
        self._t += 1
        # m and v are kept without their factors 1 - β, which join the corrections in two scalars:
        # m̂ / (√v̂ + ε) = a m / (√v / b + ε) = a b m / (√v + b ε)
        a = (1 - self.beta1) / (1 - self.beta1**self._t)
        b = math.sqrt((1 - self.beta2**self._t) / (1 - self.beta2))
        for p, g, m, v, s in zip(self.params, grads, self._m, self._v, self._scratch, strict=True):
            m *= self.beta1
            m += g
            np.multiply(g, g, out=s)
            v *= self.beta2
            v += s
            np.sqrt(v, out=s)
            s += b * self.epsilon
            np.divide(m, s, out=s)
            s *= self.learning_rate * a * b
            p -= s


def clip_(grads: Iterable[Array], limit: float) -> None:
    """Limit every element to [-limit, limit], in place."""
    for g in grads:
        np.clip(g, -limit, limit, out=g)

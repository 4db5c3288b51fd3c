"""Optimizers: in-place updates of a vector of parameters θ from its gradient g."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np
from scipy.linalg import get_blas_funcs

from pipeline.nn.layers import Array

BLOCK = 2**17  # values updated at a time: few calls, and they stay in the third cache


class Optimizer(Protocol):
    learning_rate: float

    def step(self, grads: Array) -> None:
        """Change the parameters in place; `grads` (P,) is not changed."""


class SGD:
    """Gradient descent with momentum (Sutskever et al. 2013, ICML) and L2 regularisation.

    v ← momentum · v + g + weight_decay · θ,  θ ← θ - learning_rate · v
    """

    def __init__(
        self,
        params: Array,
        learning_rate: float,
        *,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
    ) -> None:
        self.params = params
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.weight_decay = weight_decay
        self._velocity = np.zeros_like(params) if momentum else None
        (self._add,) = get_blas_funcs(("axpy",), (params,))
        self._scratch = np.empty_like(params[:BLOCK])

    def step(self, grads: Array) -> None:
        for block in _blocks(self.params, grads):
            p, g = self.params[block], grads[block]
            update = self._scratch[: len(p)]
            if self.weight_decay:
                np.multiply(p, self.weight_decay, out=update)
                update += g
                g = update
            if self._velocity is not None:
                v = self._velocity[block]
                v *= self.momentum
                v += g
                g = v
            self._add(g, p, a=-self.learning_rate)  # p += a g, in one pass


class Adam:
    """Adam (arXiv 1412.6980, algorithm 1) with decoupled weight decay (arXiv 1711.05101, AdamW).

    m ← β₁ m + (1 - β₁) g,  v ← β₂ v + (1 - β₂) g²,  m̂ = m / (1 - β₁ᵗ),  v̂ = v / (1 - β₂ᵗ)
    θ ← θ - learning_rate · (m̂ / (√v̂ + ε) + weight_decay · θ)
    """

    def __init__(
        self,
        params: Array,
        learning_rate: float,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        self.params = params
        self.learning_rate = learning_rate
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.weight_decay = weight_decay
        self._t = 0
        self._m = np.zeros_like(params)
        self._v = np.zeros_like(params)
        self._scratch = np.empty_like(params[:BLOCK])

    def step(self, grads: Array) -> None:
        self._t += 1
        # m and v are kept without their factors 1 - β, which join the corrections in two scalars:
        # m̂ / (√v̂ + ε) = a m / (√v / b + ε) = a b m / (√v + b ε)
        a = (1 - self.beta1) / (1 - self.beta1**self._t)
        b = math.sqrt((1 - self.beta2**self._t) / (1 - self.beta2))
        for block in _blocks(self.params, grads):
            p, g, m, v = self.params[block], grads[block], self._m[block], self._v[block]
            s = self._scratch[: len(p)]
            m *= self.beta1
            m += g
            v *= self.beta2
            v += np.square(g, out=s)
            np.sqrt(v, out=s)
            s += b * self.epsilon
            np.divide(m, s, out=s)
            s *= self.learning_rate * a * b
            if self.weight_decay:
                p *= 1 - self.learning_rate * self.weight_decay
            p -= s


def clip_(grads: Iterable[Array], limit: float) -> None:
    """Limit every element to [-limit, limit], in place."""
    for g in grads:
        np.clip(g, -limit, limit, out=g)


def _blocks(params: Array, grads: Array) -> Iterator[slice]:
    if params.shape != grads.shape:
        raise ValueError(f"params has shape {params.shape}, grads {grads.shape}")
    return (slice(start, start + BLOCK) for start in range(0, len(params), BLOCK))

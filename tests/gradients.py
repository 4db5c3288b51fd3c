"""Fixtures for networks: gradients by central differences and by torch."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

EPSILON = 1e-6
CLOSE = {"rtol": 1e-10, "atol": 1e-12}
PICTURES = torch.nn.Conv2d, torch.nn.MaxPool2d, torch.nn.AvgPool2d, torch.nn.BatchNorm2d


def central_differences(f: Callable[[], float], x: np.ndarray) -> np.ndarray:
    """df/dx, element by element; `f` reads `x`, float64, which is restored."""
    grad = np.empty_like(x)
    for index in np.ndindex(x.shape):
        value = x[index]
        x[index] = value + EPSILON
        above = f()
        x[index] = value - EPSILON
        below = f()
        x[index] = value
        grad[index] = (above - below) / (2 * EPSILON)
    return grad


@pytest.fixture
def assert_is_gradient():
    """Check: `grad` is df/dx to 1e-6 of its largest element."""

    def check(grad: np.ndarray, f: Callable[[], float], x: np.ndarray) -> None:
        expected = central_differences(f, x)
        assert np.abs(grad - expected).max() <= 1e-6 * np.abs(expected).max()

    return check


@pytest.fixture
def assert_gradients(assert_is_gradient):
    """Check what a layer's `backward` gives for x and for each of its parameters."""

    def check(layer, x: np.ndarray, rng: np.random.Generator) -> None:
        weights = rng.standard_normal(layer.forward(x, training=True).shape)

        def loss() -> float:  # L = Σ weights · y, so that dL/dy = weights
            return float((weights * layer.forward(x, training=True)).sum())

        loss()
        assert_is_gradient(layer.backward(weights).copy(), loss, x)
        for param, grad in zip(layer.params, [g.copy() for g in layer.grads], strict=True):
            assert_is_gradient(grad, loss, param)

    return check


@pytest.fixture
def assert_same_as_torch():
    """Check: a layer and a torch module give the same values and the same gradients of x.

    Pictures are (N, H, W, C) here and (N, C, H, W) there.
    """

    def check(layer, module, x: np.ndarray, rng: np.random.Generator) -> None:
        pictures = x.ndim == 4 and isinstance(module, PICTURES)
        there = [0, 3, 1, 2] if pictures else range(x.ndim)
        here = [0, 2, 3, 1] if pictures else range(x.ndim)
        tensor = torch.tensor(x.transpose(there), requires_grad=True)
        y = module(tensor)
        weights = rng.standard_normal(y.shape)
        y.backward(torch.tensor(weights))
        back = here if y.ndim == x.ndim else range(y.ndim)
        np.testing.assert_allclose(
            layer.forward(x, training=True), y.detach().numpy().transpose(back), **CLOSE
        )
        np.testing.assert_allclose(
            layer.backward(weights.transpose(back)), tensor.grad.numpy().transpose(here), **CLOSE
        )

    return check


@pytest.fixture
def rng():
    return np.random.default_rng(0)

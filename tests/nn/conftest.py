from collections.abc import Callable

import numpy as np
import pytest

EPSILON = 1e-6


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
def rng():
    return np.random.default_rng(0)

import numpy as np
import pytest
import torch

from pipeline.nn.pooling import AvgPool, MaxPool

POOLS = {"max": (MaxPool, torch.nn.MaxPool2d), "average": (AvgPool, torch.nn.AvgPool2d)}


class Both:
    """By width, then by height."""

    params = grads = ()

    def __init__(self, pool):
        self.layers = pool(axis=2), pool(axis=1)

    def forward(self, x, *, training):
        for layer in self.layers:
            x = layer.forward(x, training=training)
        return x

    def backward(self, grad):
        for layer in reversed(self.layers):
            grad = layer.backward(grad)
        return grad


@pytest.mark.parametrize("kind", POOLS)
@pytest.mark.parametrize("axis", [1, 2])
def test_gradients_are_central_differences(kind, axis, rng, assert_gradients):
    assert_gradients(POOLS[kind][0](axis), rng.standard_normal((2, 5, 6, 3)), rng)


@pytest.mark.parametrize("shape", [(3, 4, 6, 2), (2, 5, 7, 3)])
@pytest.mark.parametrize("kind", POOLS)
def test_two_in_turn_are_that_of_torch(kind, shape, rng, assert_same_as_torch):
    ours, theirs = POOLS[kind]
    pool = Both(ours)
    assert_same_as_torch(pool, theirs(2), rng.standard_normal(shape), rng)
    many_equal = rng.integers(2, size=shape) * 1.0
    assert_same_as_torch(pool, theirs(2), many_equal, rng)


@pytest.mark.parametrize("kind", POOLS)
def test_evaluation_is_training(kind, rng):
    x = rng.standard_normal((2, 5, 6, 3))
    pool = Both(POOLS[kind][0])
    expected = pool.forward(x, training=True).copy()
    np.testing.assert_array_equal(pool.forward(x, training=False), expected)

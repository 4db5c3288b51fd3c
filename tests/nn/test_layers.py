import numpy as np
import pytest
import torch

from pipeline.nn.layers import Dense, Dropout, Flatten, ReLU


class SameDraws:
    """A generator whose every draw is the same, so that a dropout mask can be repeated."""

    def random(self, out, dtype):
        return np.random.default_rng(1).random(out=out, dtype=dtype)


LAYERS = {
    "dense": lambda rng: Dense(6, 6, rng=rng, dtype=np.float64),
    "dense without bias": lambda rng: Dense(6, 6, rng=rng, bias=False, dtype=np.float64),
    "relu": lambda rng: ReLU(),
    "dropout": lambda rng: Dropout(0.4, rng=SameDraws()),
    "flatten": lambda rng: Flatten(),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_gradients_are_central_differences(kind, rng, assert_gradients):
    assert_gradients(LAYERS[kind](rng), rng.standard_normal((5, 6)), rng)


@pytest.mark.parametrize("bias", [True, False])
def test_dense_is_that_of_torch(bias, rng, assert_same_as_torch):
    layer = Dense(6, 4, rng=rng, bias=bias, dtype=np.float64)
    twin = torch.nn.Linear(6, 4, bias=bias, dtype=torch.float64)
    twin.weight.data = torch.tensor(layer.params[0].T.copy())
    if bias:
        layer.params[1][...] = rng.standard_normal(4)
        twin.bias.data = torch.tensor(layer.params[1].copy())
    assert_same_as_torch(layer, twin, rng.standard_normal((5, 6)), rng)
    np.testing.assert_allclose(layer.grads[0].T, twin.weight.grad, rtol=1e-12)
    if bias:
        np.testing.assert_allclose(layer.grads[1], twin.bias.grad, rtol=1e-12)


def test_relu_and_flatten_are_those_of_torch(rng, assert_same_as_torch):
    x = rng.standard_normal((5, 3, 2, 4))
    x[0] = 0
    assert_same_as_torch(ReLU(), torch.nn.ReLU(), x, rng)
    assert_same_as_torch(Flatten(), torch.nn.Flatten(), x, rng)


@pytest.mark.parametrize("kind", ["dense", "relu", "dropout"])
def test_a_smaller_batch_in_between_changes_nothing(kind, rng):
    layer, other = LAYERS[kind](np.random.default_rng(0)), LAYERS[kind](np.random.default_rng(0))
    x, grad = rng.standard_normal((5, 6)), rng.standard_normal((5, 6))
    layer.forward(x, training=True)
    layer.backward(grad)
    layer.forward(x[:2], training=True)
    layer.backward(grad[:2])
    np.testing.assert_array_equal(layer.forward(x, training=True), other.forward(x, training=True))
    np.testing.assert_array_equal(layer.backward(grad), other.backward(grad))


def test_dense_is_an_affine_map(rng):
    layer = Dense(3, 2, rng=rng)
    weight, bias = layer.params
    bias[...] = [1, 2]
    x = np.array([[1, 2, 3]], np.float32)
    expected = [[sum(x[0, i] * weight[i, j] for i in range(3)) + bias[j] for j in range(2)]]
    np.testing.assert_allclose(layer.forward(x, training=False), expected, rtol=1e-6)


def test_he_weights_keep_the_second_moment_through_rectifiers(rng):
    x = rng.standard_normal((500, 400))
    before = (x**2).mean()
    for _ in range(5):
        x = ReLU().forward(
            Dense(400, 400, rng=rng, dtype=np.float64).forward(x, training=False), training=False
        )
    assert (x**2).mean() == pytest.approx(before, rel=0.25)


def test_evaluation_keeps_what_backward_needs(rng):
    layer = Dense(3, 2, rng=rng, dtype=np.float64)
    x, grad = rng.standard_normal((4, 3)), rng.standard_normal((4, 2))
    layer.forward(x, training=True)
    layer.forward(rng.standard_normal((7, 3)), training=False)
    layer.backward(grad)
    np.testing.assert_allclose(layer.grads[0], x.T @ grad)


def test_dropout_keeps_the_expectation_and_drops_its_share(rng):
    y = Dropout(0.3, rng=rng).forward(np.ones((1000, 200), np.float32), training=True)
    assert y.dtype == np.float32
    assert y.mean(dtype=np.float64) == pytest.approx(1, abs=0.01)
    assert (y == 0).mean() == pytest.approx(0.3, abs=0.01)
    np.testing.assert_allclose(np.unique(y), [0, 1 / 0.7], rtol=1e-6)


def test_dropout_is_the_identity_in_evaluation(rng):
    x = rng.standard_normal((4, 3))
    np.testing.assert_array_equal(Dropout(0.9, rng=rng).forward(x, training=False), x)


@pytest.mark.parametrize("rate", [-0.1, 1.0, float("nan")])
def test_dropout_refuses_a_rate_outside_its_bounds(rate, rng):
    with pytest.raises(ValueError, match=r"rate must be in \[0, 1\)"):
        Dropout(rate, rng=rng)


def test_replicas_of_dropout_draw_for_themselves(rng):
    layer = Dropout(0.5, rng=rng)
    x = np.ones((10, 10), np.float32)
    first, second = layer.replica(), layer.replica()
    assert (first.forward(x, training=True) != second.forward(x, training=True)).any()

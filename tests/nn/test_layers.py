import numpy as np
import pytest

from pipeline.nn.layers import Dense, Dropout, ReLU


class SameDraws:
    """A generator whose every draw is the same, so that a dropout mask can be repeated."""

    def random(self, shape, dtype):
        return np.random.default_rng(1).random(shape, dtype=dtype)


@pytest.mark.parametrize("kind", ["dense", "relu", "dropout"])
def test_gradients_are_central_differences(kind, rng, assert_is_gradient):
    layer = {
        "dense": lambda: Dense(6, 6, rng=rng, dtype=np.float64),
        "relu": ReLU,
        "dropout": lambda: Dropout(0.4, rng=SameDraws()),
    }[kind]()
    x = rng.standard_normal((5, 6))
    weights = rng.standard_normal((5, 6))  # L = Σ weights · y, so dL/dy = weights

    def loss():
        return float((weights * layer.forward(x, training=True)).sum())

    loss()
    assert_is_gradient(layer.backward(weights), loss, x)
    for param, grad in zip(layer.params, layer.grads, strict=True):
        assert_is_gradient(grad.copy(), loss, param)


def test_dense_is_an_affine_map(rng):
    layer = Dense(3, 2, rng=rng)
    weight, bias = layer.params
    bias[...] = [1, 2]
    x = np.array([[1, 2, 3]], np.float32)
    expected = [[sum(x[0, i] * weight[i, j] for i in range(3)) + bias[j] for j in range(2)]]
    np.testing.assert_allclose(layer.forward(x, training=False), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("scale", "deviation"), [(0.01, 0.01), (None, np.sqrt(2 / 400))], ids=["fixed", "he"]
)
def test_dense_starts_from_the_stated_distribution(scale, deviation, rng):
    weight, bias = Dense(400, 500, rng=rng, scale=scale).params
    assert weight.dtype == bias.dtype == np.float32
    assert weight.std() == pytest.approx(deviation, rel=0.01)
    assert weight.mean() == pytest.approx(0, abs=4 * deviation / np.sqrt(weight.size))
    assert not bias.any()


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

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from pipeline.nn.losses import BinaryCrossEntropy, SoftmaxCrossEntropy, WeightedSquaredError


def binary_reference(logits, targets):
    """-y log σ(z) - (1 - y) log σ(-z), for targets that torch's own loss would refuse, too."""
    each = targets * F.logsigmoid(logits) + (1 - targets) * F.logsigmoid(-logits)
    return -each.sum() / len(logits)


def softmax_reference(logits, targets):
    return F.cross_entropy(logits, targets)


def one_hot(rng, n, c):
    return np.eye(c)[rng.integers(c, size=n)]


CASES = {
    "binary": (
        BinaryCrossEntropy(),
        binary_reference,
        lambda rng: rng.integers(2, size=(7, 5)) * 1.0,
    ),
    "binary, real targets": (
        BinaryCrossEntropy(),
        binary_reference,
        lambda rng: rng.standard_normal((7, 5)) * 3,
    ),
    "softmax": (SoftmaxCrossEntropy(), softmax_reference, lambda rng: one_hot(rng, 7, 5)),
    "softmax, soft targets": (
        SoftmaxCrossEntropy(),
        softmax_reference,
        lambda rng: rng.dirichlet(np.ones(5), 7),
    ),
}


@pytest.mark.parametrize("scale", [1, 1e4])
@pytest.mark.parametrize("case", CASES)
def test_value_and_gradient_are_those_of_torch(case, scale, rng):
    loss, reference, draw = CASES[case]
    logits, targets = scale * rng.standard_normal((7, 5)), draw(rng)
    z = torch.tensor(logits, requires_grad=True)
    expected = reference(z, torch.tensor(targets))
    expected.backward()
    assert loss(logits, targets) == pytest.approx(expected.item(), rel=1e-12)
    np.testing.assert_allclose(loss.grad(logits, targets), z.grad, rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize("case", CASES)
def test_gradient_is_the_central_difference(case, rng, assert_is_gradient):
    loss, _, draw = CASES[case]
    logits, targets = rng.standard_normal((7, 5)), draw(rng)
    assert_is_gradient(loss.grad(logits, targets), lambda: loss(logits, targets), logits)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES)
def test_logits_of_any_size_give_probabilities(case, dtype):
    loss = CASES[case][0]
    logits = np.array([[-1e4, 1e4], [1e4, 1e4 - 1], [-1e4, -1e4]], dtype)
    p = loss.probabilities(logits)
    assert p.dtype == loss.grad(logits, np.eye(3, 2, dtype=dtype)).dtype == dtype
    assert ((p >= 0) & (p <= 1)).all()
    np.testing.assert_array_equal(p[0], [0, 1])


def test_probabilities_are_sigmoid_and_softmax():
    logits = np.log([[1.0, 2.0, 5.0]])
    np.testing.assert_allclose(BinaryCrossEntropy().probabilities(logits), [[1 / 2, 2 / 3, 5 / 6]])
    np.testing.assert_allclose(SoftmaxCrossEntropy().probabilities(logits), [[1 / 8, 1 / 4, 5 / 8]])


def test_binary_cross_entropy_sums_outputs_and_averages_samples():
    logits = np.zeros((4, 3))  # every output costs log 2
    assert BinaryCrossEntropy()(logits, np.ones((4, 3))) == pytest.approx(3 * np.log(2))


@pytest.fixture
def weighted(rng):
    """Outputs (7, 5), and targets with their weights (7, 2, 5); a weight may be 0."""
    weights = rng.uniform(size=(7, 5)) * (rng.random((7, 5)) > 0.2)
    return rng.standard_normal((7, 5)), np.stack([3 * rng.standard_normal((7, 5)), weights], axis=1)


def test_weighted_squared_error_and_its_gradient_are_those_of_torch(weighted):
    outputs, targets = weighted
    z, (t, w) = torch.tensor(outputs, requires_grad=True), torch.tensor(targets).unbind(1)
    expected = F.mse_loss(z, t, reduction="sum", weight=w) / 2 / 7
    expected.backward()
    loss = WeightedSquaredError()
    assert loss(outputs, targets) == pytest.approx(expected.item(), rel=1e-12)
    np.testing.assert_allclose(loss.grad(outputs, targets), z.grad, rtol=1e-12)


def test_gradient_of_the_weighted_squared_error_is_the_central_difference(
    weighted, assert_is_gradient
):
    outputs, targets = weighted
    loss = WeightedSquaredError()
    assert_is_gradient(loss.grad(outputs, targets), lambda: loss(outputs, targets), outputs)


def test_weighted_squared_error_keeps_the_dtype(weighted):
    outputs, targets = (array.astype(np.float32) for array in weighted)
    assert WeightedSquaredError().grad(outputs, targets).dtype == np.float32

import numpy as np
import pytest
import torch

from pipeline.nn import convolution
from pipeline.nn.convolution import AsPictures, Conv2d

SHAPES = [(3, 8, 6), (2, 7, 5), (2, 1, 9), (3, 2, 1), (1, 1, 1)]  # (N, H, W)


@pytest.fixture(params=[True, False], ids=["bias", "no bias"])
def bias(request):
    return request.param


def layer_and_twin(rng, bias):
    layer = Conv2d(3, 4, rng=rng, bias=bias, dtype=np.float64)
    twin = torch.nn.Conv2d(3, 4, 3, padding=1, bias=bias, dtype=torch.float64)
    twin.weight.data = torch.tensor(layer.params[0].transpose(3, 2, 0, 1).copy())
    if bias:
        layer.params[1][...] = rng.standard_normal(4)
        twin.bias.data = torch.tensor(layer.params[1].copy())
    return layer, twin


@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_are_central_differences(shape, bias, rng, assert_gradients):
    layer, _ = layer_and_twin(rng, bias)
    assert_gradients(layer, rng.standard_normal((*shape, 3)), rng)


@pytest.mark.parametrize("block", [1, convolution.BLOCK])
@pytest.mark.parametrize("shape", SHAPES)
def test_is_that_of_torch(shape, block, bias, rng, assert_same_as_torch, monkeypatch):
    monkeypatch.setattr(convolution, "BLOCK", block)
    layer, twin = layer_and_twin(rng, bias)
    for n in (shape[0], 1, shape[0]):  # batches of several sizes through the same arrays
        twin.zero_grad()
        assert_same_as_torch(layer, twin, rng.standard_normal((n, *shape[1:], 3)), rng)
        expected = twin.weight.grad.numpy().transpose(2, 3, 1, 0)
        np.testing.assert_allclose(layer.grads[0], expected, rtol=1e-10, atol=1e-12)
        if bias:
            np.testing.assert_allclose(layer.grads[1], twin.bias.grad, rtol=1e-10)


def test_single_precision_is_as_exact_as_the_definition(rng):
    """Sums of 288 products lose less than ten roundings of the largest value."""
    layer = Conv2d(32, 32, rng=rng)
    x = rng.standard_normal((2, 16, 16, 32), dtype=np.float32)
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))).astype(np.float64)
    expected = sum(
        padded[:, i : i + 16, j : j + 16] @ layer.params[0][i, j]
        for i in range(3)
        for j in range(3)
    )
    error = np.abs(layer.forward(x, training=False) - expected).max()
    assert error < 10 * np.finfo(np.float32).eps * np.abs(expected).max()


def test_backward_params_is_backward_without_the_input(bias, rng):
    layer, _ = layer_and_twin(rng, bias)
    x, grad = rng.standard_normal((3, 6, 6, 3)), rng.standard_normal((3, 6, 6, 4))
    layer.forward(x, training=True)
    layer.backward(grad)
    expected = [g.copy() for g in layer.grads]
    layer.backward_params(grad)
    for g, e in zip(layer.grads, expected, strict=True):
        np.testing.assert_array_equal(g, e)


def test_evaluation_is_training_and_keeps_what_backward_needs(bias, rng):
    layer, _ = layer_and_twin(rng, bias)
    x, grad = rng.standard_normal((3, 6, 6, 3)), rng.standard_normal((3, 6, 6, 4))
    y = layer.forward(x, training=True).copy()
    expected = layer.backward(grad).copy()
    np.testing.assert_array_equal(layer.forward(x, training=False), y)
    layer.forward(x, training=True)
    layer.forward(rng.standard_normal((5, 8, 8, 3)), training=False)
    np.testing.assert_array_equal(layer.backward(grad), expected)


def test_an_empty_part_of_a_batch_has_gradient_zero(bias, rng):
    layer, _ = layer_and_twin(rng, bias)
    layer.grads[0][...] = 1
    y = layer.forward(np.empty((0, 4, 4, 3)), training=True)
    assert layer.backward(y).shape == (0, 4, 4, 3)
    assert not any(g.any() for g in layer.grads)


def test_rows_become_pictures():
    x = np.arange(24.0).reshape(2, 12)
    y = AsPictures((2, 3, 2)).forward(x, training=True)
    assert y.shape == (2, 2, 3, 2)
    np.testing.assert_array_equal(y[1, 0, 2], [16, 17])

import numpy as np
import pytest
import torch

from pipeline.nn.normalization import BatchNorm

SHAPES = [(6, 3), (4, 5, 6, 3)]


def layer_and_twin(rng, shape):
    layer = BatchNorm(3, dtype=np.float64)
    twin = (torch.nn.BatchNorm1d if len(shape) == 2 else torch.nn.BatchNorm2d)(3).double()
    for ours, theirs in zip(layer.params, (twin.weight, twin.bias), strict=True):
        ours[...] = rng.standard_normal(3)
        theirs.data = torch.tensor(ours.copy())
    return layer, twin


@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_are_central_differences(shape, rng, assert_gradients):
    assert_gradients(layer_and_twin(rng, shape)[0], rng.standard_normal(shape), rng)


@pytest.mark.parametrize("shape", SHAPES)
def test_is_that_of_torch(shape, rng, assert_same_as_torch):
    layer, twin = layer_and_twin(rng, shape)
    for _ in range(3):
        twin.zero_grad()
        x = 2 * rng.standard_normal(shape) + [1, 2, 3]
        assert_same_as_torch(layer, twin, x, rng)
        for g, p in zip(layer.grads, (twin.weight, twin.bias), strict=True):
            np.testing.assert_allclose(g, p.grad, rtol=1e-10)
        buffers = layer.buffers
        np.testing.assert_allclose(buffers["running_mean"], twin.running_mean, rtol=1e-12)
        np.testing.assert_allclose(buffers["running_variance"], twin.running_var, rtol=1e-12)
    twin.eval()
    y = twin(torch.tensor(np.moveaxis(x, -1, 1))).detach().numpy()
    np.testing.assert_allclose(layer.forward(x, training=False), np.moveaxis(y, 1, -1), rtol=1e-10)


def test_training_output_has_mean_0_and_variance_1(rng):
    x = 5 * rng.standard_normal((64, 8, 8, 3), dtype=np.float32) + 100
    y = BatchNorm(3).forward(x, training=True)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y.mean(axis=(0, 1, 2)), 0, atol=1e-4)
    np.testing.assert_allclose(y.std(axis=(0, 1, 2)), 1, rtol=1e-4)


def test_a_batch_of_one_sample_is_the_bias(rng):
    layer, _ = layer_and_twin(rng, (1, 3))
    np.testing.assert_allclose(layer.forward(np.ones((1, 3)), training=True)[0], layer.params[1])

import numpy as np
import pytest
import torch

from pipeline.nn.optimizers import SGD, Adam, clip_

OPTIMIZERS = {"sgd": (SGD, torch.optim.SGD), "adam": (Adam, torch.optim.Adam)}
SHAPES = ((4, 3), (3,))


@pytest.mark.parametrize("steps", [1, 20])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_are_those_of_torch(name, steps, rng):
    ours, theirs = OPTIMIZERS[name]
    params = [rng.standard_normal(shape) for shape in SHAPES]
    reference = [torch.tensor(p, requires_grad=True) for p in params]
    optimizer, oracle = ours(params, 0.05), theirs(reference, lr=0.05)
    for _ in range(steps):
        grads = [rng.standard_normal(shape) for shape in SHAPES]
        for p, g in zip(reference, grads, strict=True):
            p.grad = torch.tensor(g)
        optimizer.step(grads)
        oracle.step()
    for p, expected in zip(params, reference, strict=True):
        np.testing.assert_allclose(p, expected.detach(), rtol=1e-12, atol=1e-15)


def test_adam_by_hand():
    theta, g = np.array([1.0]), np.array([0.5])
    Adam([theta], 0.1, beta1=0.8, beta2=0.9, epsilon=1e-3).step([g])
    # m̂ = g and v̂ = g² after the first step
    assert theta[0] == pytest.approx(1 - 0.1 * 0.5 / (0.5 + 1e-3), rel=1e-14)


@pytest.mark.parametrize("optimizer", [SGD, Adam])
def test_step_changes_parameters_in_place_and_gradients_not(optimizer):
    p, g = np.ones((2, 2), np.float32), np.full((2, 2), 0.5, np.float32)
    optimizer([p], 0.1).step([g])
    assert (p < 1).all()
    assert (g == 0.5).all()


@pytest.mark.parametrize("optimizer", [SGD, Adam])
def test_a_missing_gradient_is_an_error(optimizer):
    with pytest.raises(ValueError, match="shorter"):
        optimizer([np.ones(2), np.ones(3)], 0.1).step([np.ones(2)])


def test_clip_limits_each_element_in_place():
    g = np.array([-2.0, -0.5, 0.1, 3.0])
    clip_([g], 0.5)
    np.testing.assert_array_equal(g, [-0.5, -0.5, 0.1, 0.5])

import numpy as np
import pytest
import torch

from pipeline.nn import optimizers
from pipeline.nn.optimizers import SGD, Adam, clip_

ORACLES = {
    "sgd": (SGD, torch.optim.SGD, {}),
    "sgd, momentum": (SGD, torch.optim.SGD, {"momentum": 0.9}),
    "sgd, weight decay": (SGD, torch.optim.SGD, {"weight_decay": 0.1}),
    "sgd, both": (SGD, torch.optim.SGD, {"momentum": 0.8, "weight_decay": 0.1}),
    "adam": (Adam, torch.optim.Adam, {}),
    "adam, weight decay": (Adam, torch.optim.AdamW, {"weight_decay": 0.1}),
}


@pytest.mark.parametrize("block", [4, optimizers.BLOCK])
@pytest.mark.parametrize("steps", [1, 20])
@pytest.mark.parametrize("name", ORACLES)
def test_steps_are_those_of_torch(name, steps, block, rng, monkeypatch):
    monkeypatch.setattr(optimizers, "BLOCK", block)
    ours, theirs, options = ORACLES[name]
    params = rng.standard_normal(15)
    reference = torch.tensor(params, requires_grad=True)
    optimizer = ours(params, 0.05, **options)
    oracle = theirs([reference], **{"weight_decay": 0.0} | options, lr=0.05)
    for step in range(steps):
        if step == 10:  # as a schedule does
            optimizer.learning_rate = oracle.param_groups[0]["lr"] = 0.01
        grads = rng.standard_normal(15)
        reference.grad = torch.tensor(grads)
        optimizer.step(grads)
        oracle.step()
    np.testing.assert_allclose(params, reference.detach(), rtol=1e-11, atol=1e-14)


def test_adam_by_hand():
    theta, g = np.array([1.0]), np.array([0.5])
    Adam(theta, 0.1, beta1=0.8, beta2=0.9, epsilon=1e-3).step(g)
    # m̂ = g and v̂ = g² after the first step
    assert theta[0] == pytest.approx(1 - 0.1 * 0.5 / (0.5 + 1e-3), rel=1e-14)


@pytest.mark.parametrize("name", ORACLES)
def test_step_changes_parameters_in_place_and_gradients_not(name):
    optimizer, _, options = ORACLES[name]
    p, g = np.ones(4, np.float32), np.full(4, 0.5, np.float32)
    optimizer(p, 0.1, **options).step(g)
    assert (p < 1).all()
    assert (g == 0.5).all()


@pytest.mark.parametrize("optimizer", [SGD, Adam])
def test_missing_gradients_are_an_error(optimizer):
    with pytest.raises(ValueError, match=r"params has shape \(5,\), grads \(2,\)"):
        optimizer(np.ones(5), 0.1).step(np.ones(2))


def test_clip_limits_each_element_in_place():
    g = np.array([-2.0, -0.5, 0.1, 3.0])
    clip_([g], 0.5)
    np.testing.assert_array_equal(g, [-0.5, -0.5, 0.1, 0.5])

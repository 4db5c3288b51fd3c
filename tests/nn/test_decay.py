import pytest
import torch

from pipeline.nn.decay import SCHEDULES

ORACLES = {
    "constant": lambda optimizer: torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0),
    "step": lambda optimizer: torch.optim.lr_scheduler.StepLR(optimizer, step_size=3, gamma=0.2),
    "exponential": lambda optimizer: torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.2),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_learning_rates_are_those_of_torch(name):
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.5)
    oracle = ORACLES[name](optimizer)
    for epoch in range(8):
        assert 0.5 * SCHEDULES[name](epoch, 0.2, 3) == pytest.approx(oracle.get_last_lr()[0])
        optimizer.step()
        oracle.step()

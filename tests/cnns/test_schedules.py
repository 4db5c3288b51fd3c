"""Learning rates by hand and against torch's schedulers."""

from __future__ import annotations

import pytest
import torch

from pipeline.cnns.schedules import (
    ConstantSchedule,
    CosineSchedule,
    ExponentialSchedule,
    OneCycleSchedule,
    StepsSchedule,
)


def rates(schedule, times, *, base=0.1, epochs=10):
    return [schedule.learning_rate(base, time=t, epochs=epochs) for t in times]


def torch_rates(scheduler_of, steps):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    scheduler = scheduler_of(optimizer)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def test_constant():
    assert rates(ConstantSchedule(kind="constant"), [0, 3.5, 9.9]) == [0.1] * 3


def test_steps():
    schedule = StepsSchedule(kind="steps", at={3: 0.02, 5: 0.004})
    assert rates(schedule, [0, 2.99, 3, 4.9, 5, 9]) == [0.1, 0.1, 0.02, 0.02, 0.004, 0.004]


def test_exponential_begins_after_some_epochs():
    schedule = ExponentialSchedule(kind="exponential", factor=0.5, after=3)
    found = rates(schedule, [0, 2.9, 3, 3.9, 4])
    assert found == pytest.approx([0.1, 0.1, 0.05, 0.05, 0.025])


def test_cosine_is_that_of_torch():
    expected = torch_rates(lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 10), 10)
    assert rates(CosineSchedule(kind="cosine"), range(10)) == pytest.approx(expected)


def test_one_cycle_rises_and_falls_to_0():
    schedule = OneCycleSchedule(kind="one_cycle", rise=0.2)
    found = rates(schedule, [0, 1, 2, 6, 10])
    assert found == pytest.approx([0, 0.05, 0.1, 0.05, 0])


def test_warmup_rises_linearly():
    schedule = ConstantSchedule(kind="constant", warmup=2.0)
    assert rates(schedule, [0, 0.5, 1, 2, 3]) == pytest.approx([0, 0.025, 0.05, 0.1, 0.1])

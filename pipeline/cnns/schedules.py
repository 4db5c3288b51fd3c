"""Learning rates over a training of PyTorch networks."""

from __future__ import annotations

import math

from pipeline.cnns.params import (
    ConstantSchedule,
    CosineSchedule,
    ExponentialSchedule,
    OneCycleSchedule,
    Schedule,
    StepsSchedule,
)


def learning_rate(schedule: Schedule, base: float, *, time: float, epochs: int) -> float:
    """At `time`, in epochs from 0 to `epochs`; it changes within an epoch where there are ramps.

    constant: `base`. steps: the rate that `at` gives for the last epoch begun. exponential: times
    `factor` for each epoch after the first `after`. cosine: base (1 + cos(π t / epochs)) / 2 (arXiv
    1608.03983, eq. 5, one period). one_cycle: a linear rise from 0 over the share `rise`, then a
    linear fall to 0 (arXiv 1708.07120). All begin with a linear rise over `warmup` epochs.
    """
    warmup = min(1.0, time / schedule.warmup) if schedule.warmup else 1.0
    match schedule:
        case ConstantSchedule():
            rate = base
        case StepsSchedule():
            begun = [epoch for epoch in schedule.at if epoch <= time]
            rate = schedule.at[max(begun)] if begun else base
        case ExponentialSchedule():
            rate = base * schedule.factor ** max(0, math.floor(time) - schedule.after + 1)
        case CosineSchedule():
            rate = base * (1 + math.cos(math.pi * time / epochs)) / 2
        case OneCycleSchedule():
            share = time / epochs
            rising = share / schedule.rise
            rate = base * min(rising, (1 - share) / (1 - schedule.rise))
    return rate * warmup

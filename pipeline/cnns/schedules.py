"""Learning rates over a training of PyTorch networks: a class for each `schedule.kind`.

To add a kind is to add a class, and to put it into `Schedule`.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Annotated, Literal

from pydantic import Field

from pipeline.core.schema import Fraction, NotNegative, PositiveFloat, Strict


class ScheduleSection(Strict):
    """What every schedule has.

    warmup: epochs in which the rate rises linearly from 0.
    """

    warmup: NotNegative = 0.0
    """Epochs in which the rate rises linearly from 0."""

    def learning_rate(self, base: float, *, time: float, epochs: int) -> float:
        """At `time`, in epochs from 0 to `epochs`, where the run's learning_rate is `base`."""
        ramp = min(1.0, time / self.warmup) if self.warmup else 1.0
        return self.rate(base, time, epochs) * ramp

    @abstractmethod
    def rate(self, base: float, time: float, epochs: int) -> float:
        """That of `learning_rate` without a warmup."""


class ConstantSchedule(ScheduleSection):
    """`base` all the time."""

    kind: Literal["constant"]

    def rate(self, base: float, time: float, epochs: int) -> float:
        return base


class StepsSchedule(ScheduleSection):
    """`base`, then what `at` gives for the last epoch begun.

    at: the first epoch of a rate, counted from 0 -> the rate.
    """

    kind: Literal["steps"]
    at: Annotated[dict[Annotated[int, Field(ge=1)], PositiveFloat], Field(min_length=1)]
    """The first epoch of a rate, counted from 0 -> the rate."""

    def rate(self, base: float, time: float, epochs: int) -> float:
        begun = [epoch for epoch in self.at if epoch <= time]
        return self.at[max(begun)] if begun else base


class ExponentialSchedule(ScheduleSection):
    """Times `factor` for each epoch after the first `after`."""

    kind: Literal["exponential"]
    factor: Fraction
    """Of each epoch."""
    after: Annotated[int, Field(ge=0)] = 0
    """Epochs before the fall."""

    def rate(self, base: float, time: float, epochs: int) -> float:
        rate: float = base * self.factor ** max(0, math.floor(time) - self.after + 1)
        return rate


class CosineSchedule(ScheduleSection):
    """base (1 + cos(π t / epochs)) / 2: arXiv 1608.03983, eq. 5, one period."""

    kind: Literal["cosine"]

    def rate(self, base: float, time: float, epochs: int) -> float:
        return base * (1 + math.cos(math.pi * time / epochs)) / 2


class OneCycleSchedule(ScheduleSection):
    """A linear rise from 0 over the share `rise`, then a linear fall to 0: arXiv 1708.07120."""

    kind: Literal["one_cycle"]
    rise: Fraction = 0.25
    """Share of the epochs in which it rises."""

    def rate(self, base: float, time: float, epochs: int) -> float:
        share = time / epochs
        return base * min(share / self.rise, (1 - share) / (1 - self.rise))


Schedule = Annotated[
    ConstantSchedule | StepsSchedule | ExponentialSchedule | CosineSchedule | OneCycleSchedule,
    Field(discriminator="kind"),
]

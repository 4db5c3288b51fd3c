"""How the learning rate changes from epoch to epoch."""

from __future__ import annotations

from collections.abc import Callable

# Name -> the factor of the learning rate in an epoch, counted from 0, with the parameters
# `decay` (0, 1] and, for "step", `decay_epochs`.
SCHEDULES: dict[str, Callable[[int, float, int], float]] = {
    "constant": lambda epoch, decay, decay_epochs: 1.0,
    "step": lambda epoch, decay, decay_epochs: decay ** (epoch // decay_epochs),
    "exponential": lambda epoch, decay, decay_epochs: decay**epoch,
}

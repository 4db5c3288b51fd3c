"""Initial weights: independent normal draws with mean 0 and a deviation that suits the layer."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from numpy.random import Generator
from numpy.typing import DTypeLike, NDArray

# Name -> the deviation for so many inputs and outputs of each unit. "xavier": Glorot & Bengio
# (2010), AISTATS, eq. 12; "he", which keeps the variance through rectifiers: arXiv 1502.01852,
# eq. 10.
DEVIATIONS: dict[str, Callable[[int, int], float]] = {
    "normal": lambda n_in, n_out: 0.01,
    "xavier": lambda n_in, n_out: math.sqrt(2 / (n_in + n_out)),
    "he": lambda n_in, n_out: math.sqrt(2 / n_in),
}


def initial_weights(
    shape: tuple[int, ...], *, init: str, rng: Generator, dtype: DTypeLike
) -> NDArray[Any]:
    """Draw weights of `shape` (…, n_in, n_out); the axes before are places of a kernel.

    Each unit then has n_in inputs and n_out outputs for each place.
    """
    places = math.prod(shape[:-2])
    deviation = DEVIATIONS[init](places * shape[-2], places * shape[-1])
    return (rng.standard_normal(shape) * deviation).astype(dtype)

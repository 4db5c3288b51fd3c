"""What is known of a network before it is built."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True)
class Architecture:
    """A network, its kind of pictures and where it is from.

    build: keywords classes, channels, size -> the network; made_for: the side of the square
    pictures it was designed for, pixels; channels: their channels; least: the smallest side it can
    take, the one that leaves a pixel after all strides and poolings; source: the first line of the
    docstring of `build`.
    """

    name: str
    build: Callable[..., nn.Module]
    made_for: int
    channels: int
    least: int
    source: str


def architecture(
    *, made_for: int, least: int, channels: int = 3
) -> Callable[[Callable[..., nn.Module]], Architecture]:
    """Make an `Architecture` of the function that builds it, and has its name."""

    def of(build: Callable[..., nn.Module]) -> Architecture:
        source = (inspect.getdoc(build) or "").partition("\n")[0].removesuffix(".")
        return Architecture(build.__name__, build, made_for, channels, least, source)

    return of

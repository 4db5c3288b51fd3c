"""Section `pixels`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipeline.core.schema import Strict

Colour = Literal["rgb", "grey"]


class Pixels(Strict):
    size: Annotated[int, Field(ge=8, le=512)]
    """Side of a picture in pixels; proportions are lost."""
    colour: Colour
    """Three channels or one."""

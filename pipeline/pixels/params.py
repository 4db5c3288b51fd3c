"""Strict `pixels`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipeline.core.schema import Strict


class Pixels(Strict):
    size: Annotated[int, Field(ge=8, le=512)]
    """Side of a picture in pixels; proportions are lost."""
    colour: Literal["rgb", "grey"]
    """Three channels or one."""

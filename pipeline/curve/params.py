"""Section `curve`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.core.schema import Seed, Strict


class Curve(Strict):
    sizes: Annotated[int, Field(ge=5, le=50)]
    """Numbers of training pictures that are tried, from few to all."""
    draws: Annotated[int, Field(ge=2, le=100)]
    """Of as many pictures, or their artists, at each size."""
    bootstrap: Annotated[int, Field(ge=100, le=10_000)]
    """Resamples of the test pictures, or of their artists, and of the draws, for 95 % intervals."""
    seed: Seed
    """Of all that is drawn."""

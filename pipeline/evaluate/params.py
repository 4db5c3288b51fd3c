"""Section `evaluate`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.core.schema import Seed, Strict


class Evaluate(Strict):
    bootstrap: Annotated[int, Field(ge=100, le=100_000)]
    """Resamples of the test pictures for the 95 % interval of the accuracy."""
    seed: Seed
    """Of the resamples."""

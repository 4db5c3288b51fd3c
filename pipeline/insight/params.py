"""Section `insight`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.core.schema import Seed, Strict


class Insight(Strict):
    bootstrap: Annotated[int, Field(ge=100, le=100_000)]
    """Resamples of the test pictures, or of their artists, for 95 % intervals."""
    seed: Seed
    """Of all that is drawn."""

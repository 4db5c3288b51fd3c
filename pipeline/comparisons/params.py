"""Section `comparisons`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.core.schema import Seed, Strict


class Comparison(Strict):
    """The run of this name under both splits, by picture and by artist, drawn `draws` times."""

    draws: Annotated[int, Field(ge=2, le=1000)]
    """Splits and trainings each way, with the seeds seed, seed + 1, …"""
    seed: Seed
    """Of the first draw."""

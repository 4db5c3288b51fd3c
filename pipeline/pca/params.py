"""Strict `pca`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveInt

from pipeline.core.schema import OffOr, Seed, Strict


class Pca(Strict):
    components: PositiveInt | OffOr
    """At most the number of training pictures; `none` lets the features through."""
    whiten: bool
    """Give each component variance 1 (of the training pictures)."""
    sample: Annotated[int, Field(ge=2)] | OffOr
    """Fit on so many training pictures, drawn at random."""
    seed: Seed
    """Of `sample`, otherwise without effect."""

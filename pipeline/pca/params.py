"""Section `pca`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveInt

from pipeline.core.schema import Auto, OffOr, Seed, Strict

AUTO_COMPONENTS = 100


class Pca(Strict):
    components: PositiveInt | Auto | OffOr
    """At most as many as training pictures; `auto` is 100, or one less than pictures where these
    are few; `none` lets the features through."""
    whiten: bool
    """Give each component variance 1 (of the training pictures)."""
    sample: Annotated[int, Field(ge=2)] | OffOr
    """Fit on so many training pictures, drawn at random."""
    seed: Seed
    """Of `sample`, otherwise without effect."""

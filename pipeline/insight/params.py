"""Section `insight`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.core.schema import Auto, Fraction, RunName, Seed, Strict


class Doubts(Strict):
    """Labels that may be wrong, by the scores of a run that has `folds`."""

    run: Auto | RunName
    """Whose scores: `auto` (of the classifiers with `folds` the best on validation) or a name."""
    shown: Annotated[int, Field(ge=0, le=96)]
    """Doubted pictures on the page."""


class Insight(Strict):
    bootstrap: Annotated[int, Field(ge=100, le=100_000)]
    """Resamples of the test pictures, or of their artists, for 95 % intervals."""
    coverage: Fraction
    """How often the sets of classes are to hold the right one."""
    doubts: Doubts
    seed: Seed
    """Of all that is drawn."""

"""Section `stacks`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.core.schema import PositiveFloat, RunName, Scored


class StackParams(Scored):
    """A logistic regression of the scores of classifiers, fitted to those out of fold."""

    runs: Annotated[tuple[RunName, ...], Field(strict=False, min_length=2)]
    """Names of classifiers with `folds`."""
    C: PositiveFloat
    """Inverse strength of the L2 penalty."""

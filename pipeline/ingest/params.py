"""Section `ingest`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveInt, model_validator

from pipeline.core.schema import Fraction, OffOr, Seed, Strict
from pipeline.ingest.sources.params import Source


class Select(Strict):
    classes: Annotated[tuple[str, ...], Field(strict=False, min_length=1)] | Literal["all"]
    """The names of those that take part."""
    least_per_class: PositiveInt | OffOr
    """Classes with fewer pictures are left out."""
    per_class: PositiveInt | OffOr
    """At most so many pictures of a class, drawn at random."""
    balance: bool
    """As many of each class as of the rarest."""
    sample: PositiveInt | OffOr
    """At most so many pictures in all, drawn at random."""
    shortest_side: PositiveInt | OffOr
    """Pictures with a shorter side, in pixels, are rejected."""
    seed: Seed
    """Of what is drawn, otherwise without effect."""


class Split(Strict):
    by: Literal["picture", "artist", "given"]
    """`artist` keeps all pictures of an artist on one side; `given` is the source's own split."""
    validation: Fraction
    """Share of the pictures for curves, early stopping and the choice of the best run."""
    test: Fraction
    """Share of the pictures that are scored once, at the end."""
    near_duplicates: Literal["keep_together", "drop", "list"]
    """Near copies, as the audit finds them: on one side of the split, all but the largest left out,
    or listed only. Where the source prescribes the split they are listed."""
    seed: Seed
    """Decides who goes where."""

    @model_validator(mode="after")
    def _leaves_training(self) -> Split:
        if self.validation + self.test >= 1:
            raise ValueError("validation + test must be below 1, so that training pictures remain")
        return self


class AuditParams(Strict):
    near_duplicates: Annotated[int, Field(ge=0, le=12)] | OffOr
    """Bits of 64 in which the perceptual hashes of copies differ at most."""
    leakage: Literal["list", "error"]
    """What copies of test pictures are: listed, or, in training under the same labels, the stage's
    end."""

    @model_validator(mode="after")
    def _leaks_are_sought(self) -> AuditParams:
        if self.leakage == "error" and self.near_duplicates == "none":
            raise ValueError("leakage: error needs near_duplicates, such as 4")
        return self


class Ingest(Strict):
    input: str
    """The folder with the pictures, which DVC watches."""
    source: Annotated[Source, Field(discriminator="kind")]
    """Where they come from, by its `kind`."""
    max_megapixels: Annotated[float, Field(gt=0, le=178)]  # Pillow refuses more
    """A picture of more than this is rejected undecoded."""
    select: Select
    split: Split
    audit: AuditParams

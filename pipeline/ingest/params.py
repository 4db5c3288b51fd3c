"""Section `ingest`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveInt, model_validator

from pipeline.core.schema import Fraction, OffOr, Section, Seed
from pipeline.ingest.sources.params import Source


class Select(Section):
    classes: Annotated[tuple[str, ...], Field(strict=False, min_length=1)] | Literal["all"]
    least_per_class: PositiveInt | OffOr
    per_class: PositiveInt | OffOr
    balance: bool
    sample: PositiveInt | OffOr
    shortest_side: PositiveInt | OffOr
    seed: Seed


class Split(Section):
    by: Literal["picture", "artist", "given"]
    validation: Fraction
    test: Fraction
    seed: Seed

    @model_validator(mode="after")
    def _leaves_training(self) -> Split:
        if self.validation + self.test >= 1:
            raise ValueError("validation + test must be below 1, so that training pictures remain")
        return self


class AuditParams(Section):
    near_duplicates: Annotated[int, Field(ge=0, le=12)] | OffOr
    leakage: Literal["list", "error"]

    @model_validator(mode="after")
    def _leaks_are_sought(self) -> AuditParams:
        if self.leakage == "error" and self.near_duplicates == "none":
            raise ValueError("leakage: error needs near_duplicates, such as 4")
        return self


class Ingest(Section):
    input: str
    source: Annotated[Source, Field(discriminator="kind")]
    max_megapixels: Annotated[float, Field(gt=0, le=178)]  # Pillow refuses more
    select: Select
    split: Split
    audit: AuditParams

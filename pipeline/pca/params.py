"""Section `pca`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveInt

from pipeline.core.schema import OffOr, Section, Seed


class Pca(Section):
    components: PositiveInt | OffOr
    whiten: bool
    sample: Annotated[int, Field(ge=2)] | OffOr
    seed: Seed

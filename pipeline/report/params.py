"""Section `report`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.core.schema import Section


class Report(Section):
    samples: Annotated[int, Field(ge=0, le=96)]
    mistakes: Annotated[int, Field(ge=0, le=96)]

"""Section `report`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.core.schema import Strict


class Report(Strict):
    samples: Annotated[int, Field(ge=0, le=96)]
    """Sample pictures on the page."""
    mistakes: Annotated[int, Field(ge=0, le=96)]
    """Most confidently wrong pictures on the page."""

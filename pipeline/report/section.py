"""What a section of the page hands to its template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.report.charts import Figure


@dataclass(frozen=True)
class Section:
    """context: the template's own names, beside `experiment`, which all templates have; charts:
    those that it places with `chart(name)`; times: the files of reports/times that the page is to
    look for."""

    context: Mapping[str, Any] = field(default_factory=dict)
    charts: Mapping[str, Figure] = field(default_factory=dict)
    times: Sequence[Path] = ()

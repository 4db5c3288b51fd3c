"""What a source yields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Fault(NamedTuple):
    """Why a picture takes no part, where its source knows."""

    reason: str
    detail: str


@dataclass(frozen=True)
class Picture:
    """One picture as its source gives it.

    data: the encoded file, unchanged.
    path: where it came from, relative to the source, with "/" between parts.
    labels: class names; one, or several when the picture belongs to several.
    artist: who made it, or None where the source does not know.
    split: "train", "validation" or "test" where the source prescribes it, else None.
    fault: what the source finds wrong with it; there are then no data, maybe no labels.
    """

    data: bytes
    path: str
    labels: tuple[str, ...]
    artist: str | None = None
    split: str | None = None
    fault: Fault | None = None

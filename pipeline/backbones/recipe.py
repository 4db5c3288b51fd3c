"""What is known of a backbone beside its tensors: how pictures are prepared for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pipeline.core.tensors import loading_json


@dataclass(frozen=True)
class Recipe:
    """What is known of a backbone beside its tensors.

    input_size: side of the square input, pixels; crop_pct: its share of the shorter side when the
    weights' own evaluation cut it from the middle; mean, std: of RGB in 0..1; trained_on: in words;
    weights: as in `features.weights`; digest: SHA-256 of names and tensors, 16 hex digits.
    """

    name: str
    weights: str
    trained_on: str
    input_size: int
    crop_pct: float
    interpolation: str  # bilinear | bicubic
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    digest: str

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Recipe:
        """What `dataclasses.asdict` gave, after JSON has made lists of tuples."""
        return cls(**{**stored, "mean": tuple(stored["mean"]), "std": tuple(stored["std"])})

    def at(self, size: int | Literal["none"]) -> Recipe:
        """For pictures of another side, in pixels."""
        return self if size == "none" else replace(self, input_size=size)

    @classmethod
    def load(cls, path: Path) -> Recipe:
        """Of the backbone that was saved at `path`. Errors: `UserError`."""
        with loading_json(path) as stored:
            return cls.of(stored)

"""What the schemas of all sections share: types of values, words for a mistake."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import ErrorDetails

Seed = Annotated[int, Field(ge=0, lt=2**32)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Share = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
Probability = Annotated[float, Field(ge=0, le=1)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Auto = Literal["auto"]
Precision = Literal["auto", "float32", "bfloat16"]
OffOr = Literal["none"]  # `none` in the file switches a knob off
LONGEST = 100
PATTERNS: dict[str, str] = {}  # each in words


def matching(pattern: str, words: str) -> Any:
    """A `Field` for texts that match; mistakes and the reference say so in `words`."""
    PATTERNS[pattern] = words
    return Field(pattern=pattern)


Device = Annotated[str, matching(r"^(auto|cpu|cuda(:\d{1,2})?)$", "auto, cpu, cuda or cuda:NUMBER")]
RunName = Annotated[  # files are named so, with endings
    str,
    matching(
        r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$",
        "a name of at most 100 letters A to Z, digits, - and _",
    ),
]


class Strict(BaseModel):
    """Every model here: unknown keys are refused, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Scored(Strict):
    """What every run has that gives scores."""

    threshold: Probability
    """A class counts as predicted above this score (precision, recall, F1)."""
    calibrate: Literal["temperature"] | OffOr = "none"
    """`temperature`: all scores are at the temperature with the least log loss of the validation
    pictures, each training's own (Guo and others 2017)."""


def shown(value: Any) -> str:
    """`value` as Python writes it, at most LONGEST letters of it."""
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def in_words(mistake: ErrorDetails) -> str:
    """What could stand there, in the words of YAML."""
    kind, context = mistake["type"], mistake.get("ctx", {})
    if kind == "string_pattern_mismatch":
        return f"should be {PATTERNS[context['pattern']]}"
    if kind == "too_short":
        return f"should have {context['min_length']} or more, not {context['actual_length']}"
    if kind in ("dict_type", "model_type", "model_attributes_type"):
        return "should be keys with values, as in {kind: cosine}, or {} for none"
    text = mistake["msg"].removeprefix("Value error, ").removeprefix("Input ")
    text = text.replace("a valid tuple", "a list")
    return text[0].lower() + text[1:]

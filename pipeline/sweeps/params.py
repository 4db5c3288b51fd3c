"""Section `sweeps`."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Annotated, Any

from pydantic import Field, ValidationError

from pipeline.classifiers.params import Run
from pipeline.core.schema import RunName, Strict, in_words, shown

MAX_SETTINGS = 1000  # every stage checks them all at its start


class Sweep(Strict):
    """The run `base` with each combination of the values in `vary`."""

    base: RunName
    """The name of a classifier."""
    vary: Annotated[dict[str, Annotated[list[Any], Field(min_length=1)]], Field(min_length=1)]
    """A key of that classifier -> the values it takes; at most 1000 combinations."""

    def settings(self, base: Run) -> list[tuple[dict[str, Any], Run]]:
        """Every combination and the run it makes of `base`. Errors: ValueError."""
        model = type(base)
        fixed = (
            "kind",
            "input",
            "layers",
            "folds",
            "threshold",
            "seed",
        )  # a sweep has its own, or none
        allowed = [name for name in model.model_fields if name not in fixed]
        if unknown := [key for key in self.vary if key not in allowed]:
            raise ValueError(f"vary.{unknown[0]}: a {base.kind} run has {', '.join(allowed)}")
        if prod(map(len, self.vary.values())) > MAX_SETTINGS:
            raise ValueError(f"vary has more than {MAX_SETTINGS} combinations: give fewer values")
        combinations = (
            dict(zip(self.vary, values, strict=True)) for values in product(*self.vary.values())
        )
        runs = []
        for setting in combinations:
            try:
                runs.append((setting, model.model_validate({**base.model_dump(), **setting})))
            except ValidationError as error:
                first = error.errors(include_url=False)[0]
                found = f"found {shown(first['input'])}: " if first["loc"] else ""
                key = ".".join(map(str, ("vary", *first["loc"])))
                raise ValueError(f"{key}: {found}{in_words(first)}") from None
        return runs

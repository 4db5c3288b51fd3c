"""What the knobs of classifiers may be: once, for `params.yaml` and for the estimators.

The schema has `none` where an estimator has None.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, Literal, get_type_hints

import numpy as np
from pydantic import ConfigDict, Field, PositiveInt, TypeAdapter, ValidationError

from pipeline.core.schema import in_words

Factor = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
Sizes = Annotated[tuple[PositiveInt, ...], Field(strict=False)]  # YAML has lists only
Filters = Annotated[Sizes, Field(min_length=1)]
ImageShape = Annotated[tuple[PositiveInt, PositiveInt, PositiveInt], Field(strict=False)]
Init = Literal["normal", "xavier", "he"]
OptimizerName = Literal["sgd", "adam"]
ScheduleName = Literal["constant", "step", "exponential"]
Pooling = Literal["max", "average"]
RuleName = Literal["residual_average", "published", "newton", "bagging"]
Distance = Literal["manhattan", "mse", "cosine", "csls", "ssim"]


def check_parameters(estimator: Any) -> None:
    """Raise `ValueError` for a value that the annotations of the constructor do not allow.

    `random_state` is left to NumPy.
    """
    for name, adapter in _adapters(type(estimator).__init__).items():
        value = getattr(estimator, name)
        try:
            adapter.validate_python(_plain(value))
        except ValidationError as error:
            mistakes = error.errors(include_url=False)
            place = "".join(f"[{i}]" for i in mistakes[0]["loc"] if isinstance(i, int))
            wanted = " or ".join(
                "is missing" if mistake["type"] == "missing" else in_words(mistake)
                for mistake in mistakes
            )
            raise ValueError(f"{name}{place} {wanted}, got {value!r}") from None


@cache
def _adapters(constructor: Callable[..., None]) -> dict[str, TypeAdapter[Any]]:
    hints = get_type_hints(constructor, include_extras=True)
    return {
        name: TypeAdapter(hint, config=ConfigDict(strict=True))
        for name, hint in hints.items()
        if name not in ("return", "random_state")
    }


def _plain(value: Any) -> Any:
    """Numbers of Python for those of NumPy."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return type(value)(map(_plain, value)) if isinstance(value, list | tuple) else value

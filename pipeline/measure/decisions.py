"""Which classes a run assigns to a picture."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def decide(
    scores: NDArray[np.floating[Any]], *, threshold: float, multilabel: bool
) -> NDArray[np.bool_]:
    """(…, C) -> (…, C): of exclusive classes the top one, else those above `threshold`."""
    if multilabel:
        return scores > threshold
    assigned: NDArray[np.bool_] = np.eye(scores.shape[-1], dtype=bool)[scores.argmax(-1)]
    return assigned

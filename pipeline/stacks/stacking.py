"""Stacking (Wolpert 1992): a logistic regression of the scores of other runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.classifiers.estimator import in_all_classes
from pipeline.classifiers.logistic import LogisticClassifier
from pipeline.core.tensors import loading_model, save_model
from pipeline.measure.temperature import at_temperature, fit_temperature

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Stack:
    """runs: the members' names, in the order of their scores; classes: names of the columns;
    temperature: what the scores are at, None where they are the estimator's own."""

    estimator: LogisticClassifier
    runs: tuple[str, ...]
    classes: list[str]
    temperature: float | None = None

    @classmethod
    def fit(
        cls,
        runs: Sequence[str],
        scores: Sequence[Array],
        targets: NDArray[np.int8],
        *,
        classes: list[str],
        multilabel: bool,
        C: float,
    ) -> Stack:
        """From each member's out-of-fold scores (N, C) and the targets (N, C) of 0 and 1."""
        y = targets if multilabel else targets.argmax(1)
        estimator = LogisticClassifier(C).fit(np.concatenate(scores, axis=1), y)
        return cls(estimator, tuple(runs), classes)

    def scores(self, members: Sequence[Array]) -> Array:
        """Each member's scores (N, C) -> (N, C)."""
        found = self.estimator.predict_proba(np.concatenate(members, axis=1))
        scores = in_all_classes(found, self.estimator.classes_, len(self.classes))
        return at_temperature(scores, self.temperature, multilabel=self.estimator.multilabel_)

    def calibrated(self, members: Sequence[Array], targets: NDArray[np.int8]) -> Stack:
        """The same at the temperature for these pictures, each member's scores (N, C)."""
        multilabel = self.estimator.multilabel_
        found = fit_temperature(self.scores(members), targets, multilabel=multilabel)
        return replace(self, temperature=found)

    def save(self, path: Path) -> None:
        """Write arrays to `path` (safetensors), all else beside it (.json)."""
        save_model(
            path,
            self.estimator.state_dict(),
            runs=self.runs,
            classes=self.classes,
            seen=self.estimator.classes_.tolist(),
            multilabel=self.estimator.multilabel_,
            temperature=self.temperature,
        )

    @classmethod
    def load(cls, path: Path) -> Stack:
        """What `save` wrote. Errors: `UserError`."""
        with loading_model(path) as (tensors, stored):
            estimator = LogisticClassifier().load_state_dict(
                tensors, classes=np.array(stored["seen"]), multilabel=stored["multilabel"]
            )
            runs, classes = tuple(stored["runs"]), stored["classes"]
            return cls(estimator, runs, classes, stored["temperature"])

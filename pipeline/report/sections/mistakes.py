"""The best run's most confident mistakes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.artifacts.predictions import Predictions
from pipeline.measure.accuracy import hits
from pipeline.report.experiment import Experiment
from pipeline.report.gallery import rows_of, show
from pipeline.report.section import Section


def section(experiment: Experiment) -> Section:
    most = experiment.whole["report"]["mistakes"]
    found = confident_mistakes(experiment.test, most)
    rows = rows_of(experiment.images, (mistake.image_id for mistake in found))
    mistakes = [
        show(rows[m.image_id], f"{m.guess}, {m.score:.1%}", f"is {', '.join(m.actual)}")
        for m in found
    ]
    return Section({"mistakes": mistakes, "most": most})


@dataclass(frozen=True)
class Mistake:
    """A test picture whose top class, `guess`, is none of its own, at `score`."""

    image_id: str
    actual: tuple[str, ...]
    guess: str
    score: float


def confident_mistakes(predictions: Predictions, count: int) -> list[Mistake]:
    """The `count` misses with the highest top score, by the mean scores over the repeats."""
    scores: NDArray[np.float32] = predictions.scores.mean(0)
    top = scores.argmax(1)
    wrong = np.flatnonzero(~hits(scores, predictions.targets))
    order = wrong[np.argsort(-scores[wrong, top[wrong]], kind="stable")][:count]
    names = predictions.classes
    return [
        Mistake(
            image_id=predictions.image_ids[i],
            actual=tuple(names[c] for c in np.flatnonzero(predictions.targets[i])),
            guess=names[top[i]],
            score=float(scores[i, top[i]]),
        )
        for i in order
    ]

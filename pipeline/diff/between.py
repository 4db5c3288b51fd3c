"""How a run differs between two revisions, on the test pictures that both have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from pipeline.artifacts.predictions import Predictions
from pipeline.core.errors import UserError
from pipeline.insight.differences import Answers, paired_differences

Array = NDArray[Any]
OLD, NEW = "old", "new"
CHANGED = ["run", "image_id", "label", "old", "new", "old_right", "new_right", "relabelled"]


@dataclass(frozen=True)
class Between:
    """A run in two revisions.

    pictures: that both have for test, old_only and new_only: that one has; accuracies of them by
    the new labels; row: as `insight.differences` has it, the new revision less the old one;
    changed: CHANGED, the pictures whose top class or label is another.
    """

    run: str
    pictures: int
    old_only: int
    new_only: int
    old: float
    new: float
    row: Mapping[str, Any]
    changed: pd.DataFrame


def between(
    run: str,
    old: Predictions,
    new: Predictions,
    artists: Mapping[str, str] | None,
    *,
    threshold: float,
    resamples: int,
    rng: Generator,
) -> Between:
    """Both are judged by the new labels; a class that one of them lacks has the score 0 there.

    artists: image_id -> artist, of all new pictures, where intervals go by artists. Errors:
    `UserError` without a picture in common.
    """
    before = set(old.image_ids)
    ids = [i for i in new.image_ids if i in before]
    if not ids:
        raise UserError(f"{run}: no test picture is in both revisions: compare others")
    classes = list(dict.fromkeys([*new.classes, *old.classes]))
    first, second = (_aligned(part, ids, classes) for part in (old, new))
    answers = {
        name: Answers.of(
            part.scores, second.targets, threshold=threshold, multilabel=new.multilabel
        )
        for name, part in ((NEW, second), (OLD, first))
    }
    table = paired_differences(
        answers,
        second.targets,
        [artists[i] for i in ids] if artists else None,
        resamples=resamples,
        rng=rng,
    )
    return Between(
        run=run,
        pictures=len(ids),
        old_only=len(old.image_ids) - len(ids),
        new_only=len(new.image_ids) - len(ids),
        old=float(answers[OLD].hits.mean()),
        new=float(answers[NEW].hits.mean()),
        row={str(key): value for key, value in table.iloc[0].items()},
        changed=_changed(run, first, second, answers),
    )


def _aligned(part: Predictions, ids: Sequence[str], classes: list[str]) -> Predictions:
    """Of these pictures and classes, in this order."""
    row_of = {image_id: row for row, image_id in enumerate(part.image_ids)}
    rows = [row_of[i] for i in ids]
    columns = [classes.index(name) for name in part.classes]
    scores = np.zeros((len(part.scores), len(ids), len(classes)), np.float32)
    targets = np.zeros((len(ids), len(classes)), np.int8)
    scores[:, :, columns] = part.scores[:, rows]
    targets[:, columns] = part.targets[rows]
    return Predictions(list(ids), targets, scores, classes, part.multilabel)


def _changed(
    run: str, old: Predictions, new: Predictions, answers: Mapping[str, Answers]
) -> pd.DataFrame:
    """By the first repeats, as `Answers`' counts are."""
    names = np.asarray(new.classes, object)
    before, after = old.scores[0].argmax(1), new.scores[0].argmax(1)
    relabelled = (old.targets != new.targets).any(1)
    rows = np.flatnonzero((before != after) | relabelled)
    return pd.DataFrame(
        {
            "run": run,
            "image_id": np.asarray(new.image_ids, object)[rows],
            "label": ["; ".join(names[new.targets[row] == 1]) for row in rows],
            "old": names[before[rows]],
            "new": names[after[rows]],
            "old_right": answers[OLD].hits[0][rows],
            "new_right": answers[NEW].hits[0][rows],
            "relabelled": relabelled[rows],
        },
        columns=CHANGED,
    )

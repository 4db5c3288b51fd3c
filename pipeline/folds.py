"""k-fold cross-validation: which training picture is held out in which fold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from pipeline.errors import UserError
from pipeline.splitting import stratified_order


def assign_folds(
    labels: Sequence[tuple[str, ...]], artists: Sequence[str] | None, *, folds: int, seed: int
) -> NDArray[np.int64]:
    """(N,) the fold, 0 to folds - 1, of each picture.

    Every combination of labels is spread evenly, to within one picture; with `artists` all pictures
    of an artist share a fold, and the classes are as even as that allows (by the first label).

    Errors: `UserError` when a class has fewer pictures, or there are fewer artists, than folds.
    """
    counts = Counter(name for row in labels for name in set(row))
    rarest = min(counts, key=lambda name: (counts[name], name))
    if counts[rarest] < folds:
        raise UserError(
            f"folds is {folds}, but the class {rarest!r} has {counts[rarest]} training pictures: "
            f"give folds at most {counts[rarest]}, or the class more pictures"
        )
    if artists is None:
        assigned = np.empty(len(labels), np.int64)
        order = stratified_order(labels, np.random.default_rng(seed))
        assigned[order] = np.arange(len(labels)) % folds
        return assigned
    if len(set(artists)) < folds:
        raise UserError(
            f"folds is {folds}, but the training pictures are by {len(set(artists))} artists: "
            "lower it"
        )
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    first = [row[0] for row in labels]
    assigned = np.empty(len(labels), np.int64)
    for fold, (_, held_out) in enumerate(splitter.split(first, first, artists)):
        assigned[held_out] = fold
    return assigned

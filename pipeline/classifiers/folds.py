"""k-fold cross-validation: which training picture is held out in which fold."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from pipeline.core.console import counted
from pipeline.core.errors import UserError
from pipeline.measure.splitting import stratified_order


def assign_folds(
    labels: Sequence[tuple[str, ...]], artists: Sequence[str] | None, *, folds: int, seed: int
) -> NDArray[np.int64]:
    """(N,) the fold, 0 to folds - 1, of each picture; -1 of those that are never held out.

    These are the pictures of classes with fewer than `folds`. Of the others every combination of
    labels is spread evenly, to within one picture; with `artists` all pictures of an artist share a
    fold, and the classes are as even as that allows (by a picture's rarest).

    Errors: `UserError` when all classes have fewer pictures than folds, or there are fewer artists.
    """
    counts = Counter(name for row in labels for name in set(row))
    spread = np.array([min(counts[name] for name in row) >= folds for row in labels])
    if not spread.any():
        name, most = max(counts.items(), key=lambda item: (item[1], item[0]))
        raise UserError(
            f"folds is {folds}, but the largest class, {name!r}, has "
            f"{counted(most, 'training picture')}: lower it, or set it to none"
        )
    assigned = np.full(len(labels), -1, np.int64)
    chosen = np.flatnonzero(spread).tolist()
    assigned[chosen] = _spread(
        [labels[i] for i in chosen],
        None if artists is None else [artists[i] for i in chosen],
        folds=folds,
        seed=seed,
    )
    return assigned


def _spread(
    labels: Sequence[tuple[str, ...]], artists: Sequence[str] | None, *, folds: int, seed: int
) -> NDArray[np.int64]:
    if artists is None:
        assigned = np.empty(len(labels), np.int64)
        order = stratified_order(labels, np.random.default_rng(seed))
        assigned[order] = np.arange(len(labels)) % folds
        return assigned
    if len(set(artists)) < folds:
        raise UserError(
            f"folds is {folds}, but the training pictures are by "
            f"{counted(len(set(artists)), 'artist')}: lower it"
        )
    counts = Counter(name for row in labels for name in set(row))
    rarest = [min(row, key=lambda name: (counts[name], name)) for row in labels]
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    assigned = np.empty(len(labels), np.int64)
    with warnings.catch_warnings():  # of a label that is the rarest of fewer pictures than folds
        warnings.filterwarnings("ignore", message="The least populated class")
        for fold, (_, held_out) in enumerate(splitter.split(rarest, rarest, artists)):
            assigned[held_out] = fold
    return assigned

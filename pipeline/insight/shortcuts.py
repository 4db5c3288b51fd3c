"""Right for the right reason? What a small model makes of cues that see nothing of a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from pipeline.artifacts.insight import SHORTCUTS
from pipeline.measure.accuracy import hits
from pipeline.measure.resampling import (
    expanded_interval,
    group_positions,
    resampling_weights,
)
from pipeline.measure.splitting import at_most

Array = NDArray[Any]

ALL = "all together"
MOST = 5000  # training pictures, so that it takes seconds


def shortcuts(
    cues: Mapping[str, pd.DataFrame],
    targets: Array,
    train: Array,
    test: Array,
    groups: Array,
    *,
    resamples: int,
    rng: Generator,
) -> pd.DataFrame:
    """SHORTCUTS: a row for each kind of cue, and one for all of them together.

    accuracy: hit@1 on the test of boosted trees of the cues alone; above: that less the accuracy of
    always the commonest training class, with its 95 % interval by a paired bootstrap over the
    groups. Where `above_low` is more than 0 the cues tell something of the classes.

    targets: (N, C) of 0 and 1; train, test: (N,) bool; groups: numbers from 0 of the test pictures'
    artists, or of themselves.
    """
    chosen = at_most(np.flatnonzero(train), MOST, rng)
    commonest = targets[test][:, targets[train].sum(0).argmax()] == 1
    if not cues:
        return pd.DataFrame(columns=SHORTCUTS)
    tried = {**cues, ALL: pd.concat(cues.values(), axis=1)}
    found = []
    for table in tried.values():
        values = table.to_numpy(np.float64)
        scores = probed(values[chosen], targets[chosen], values[test])
        found.append(hits(scores, targets[test]))
    above = np.array(found, np.float32) - commonest
    low, high = zip(*_intervals(above, groups, resamples=resamples, rng=rng), strict=True)
    columns = (list(tried), np.mean(found, 1), above.mean(1), low, high)
    return pd.DataFrame(dict(zip(SHORTCUTS, columns, strict=True)))


def within_artists(
    cues: Mapping[str, pd.DataFrame],
    targets: Array,
    train: Array,
    test: Array,
    artists: Sequence[str | None],
    *,
    resamples: int,
    rng: Generator,
) -> dict[str, float] | None:
    """What the cues tell of the class where the artist is known; None where there are no cues, or
    no artist whose test pictures differ in their classes.

    On the test pictures of such artists, counts of which are `pictures` and `artists`. accuracy:
    hit@1 of the trees of all cues by p(class | cues) p(class | artist) / p(class), the second as
    the artist's test pictures have it, the third as the training pictures; above: that less always
    the artist's commonest class, with its 95 % interval by a bootstrap over the artists. Where cues
    tell nothing within an artist, all orders of the artist's labels are as likely, so that no use
    of them is expected above 0.

    targets: (N, C) of 0 and 1; train, test: (N,) bool; artists: (N,), None where unknown.
    """
    rows = np.flatnonzero(test & np.array([artist is not None for artist in artists]))
    position = group_positions([str(artists[int(row)]) for row in rows], len(rows))
    sizes = np.bincount(position)
    counts = np.zeros((len(sizes), targets.shape[1]))  # of each artist's pictures
    np.add.at(counts, position, targets[rows])
    differing = np.any((counts > 0) & (counts < sizes[:, None]), axis=1, keepdims=True)
    several = differing[position, 0]
    if not cues or not several.any():
        return None
    rows, position = rows[several], position[several]
    values = pd.concat(cues.values(), axis=1).to_numpy(np.float64)
    chosen = at_most(np.flatnonzero(train), MOST, rng)
    scores = probed(values[chosen], targets[chosen], values[rows])
    by_artist = counts[position]
    right = hits(scores * by_artist / np.maximum(targets[chosen].sum(0), 1), targets[rows])
    commonest = targets[rows, by_artist.argmax(1)] == 1
    above = right.astype(np.float32) - commonest
    names, groups = np.unique(position, return_inverse=True)
    ((low, high),) = _intervals(above[None], groups, resamples=resamples, rng=rng)
    return {
        "pictures": len(rows),
        "artists": len(names),
        "accuracy": float(right.mean()),
        "above": float(above.mean()),
        "above_low": low,
        "above_high": high,
    }


def probed(train: Array, targets: Array, test: Array) -> Array:
    """Scores (M, C) of the test values (M, F) by a model of the training values (N, F).

    A picture of several classes is a sample of each, all with the same weight in sum.
    """
    picture, column = np.nonzero(targets)
    weight = 1 / targets.sum(1)[picture]
    scores = np.zeros((len(test), targets.shape[1]))
    present = np.unique(column)
    if len(present) == 1:
        scores[:, present] = 1
        return scores
    model = HistGradientBoostingClassifier(
        max_iter=30, learning_rate=0.2, max_leaf_nodes=8, early_stopping=False, random_state=0
    )
    model.fit(train[picture], column, sample_weight=weight)
    scores[:, model.classes_] = model.predict_proba(test)
    return scores


def _intervals(
    values: Array, groups: Array, *, resamples: int, rng: Generator
) -> list[tuple[float, float]]:
    """Of the mean of each row of `values` (K, M), the same resamples for all; -1 to 1 of a single
    group."""
    sizes = np.bincount(groups).astype(np.float32)
    if len(sizes) == 1:
        return [(-1.0, 1.0)] * len(values)
    sums = np.array([np.bincount(groups, row) for row in values], np.float32)
    drawn = [
        sums @ weights / (sizes @ weights)
        for weights in resampling_weights(len(sizes), resamples=resamples, rng=rng)
    ]
    return [expanded_interval(row, len(sizes)) for row in np.concatenate(drawn, 1)]

"""Which labels may be wrong: confident learning (Northcutt, Jiang & Chuang 2021, JAIR 70:1373).

Every score must be of a model that has not seen the picture: out of fold, or of a held-out part.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[Any]


def confident_joint(scores: Array, given: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Counts (C, C) of pictures by the class given and the class they confidently have; and that
    class of each picture, (N,), -1 where none is confident.

    A class is confident from the mean score t_j on that it has on the pictures given it (equation
    2); of several the one with the highest score counts (equation 1).

    scores: (N, C) in 0..1; given: (N,) in 0..C - 1. A class that no picture is given is never
    confident.
    """
    n_classes = scores.shape[1]
    sizes = np.bincount(given, minlength=n_classes)
    sums = np.bincount(given, scores[np.arange(len(given)), given], minlength=n_classes)
    thresholds = np.where(sizes > 0, sums / np.maximum(sizes, 1), np.inf)
    # A mean of equal scores may be above them by rounding.
    above = scores >= thresholds - 1e-6
    confident = np.where(above.any(1), np.where(above, scores, -np.inf).argmax(1), -1)
    known = confident >= 0
    counts = np.zeros((n_classes, n_classes), np.int64)
    np.add.at(counts, (given[known], confident[known]), 1)
    return counts, confident


def calibrated_joint(counts: Array, given: Array) -> NDArray[np.float64]:
    """(C, C): the estimated share of all pictures by class given and true class (equation 3).

    counts: those of `confident_joint`, whose rows are scaled to the pictures given each class. A
    class without confident pictures is taken for right.
    """
    sizes = np.bincount(given, minlength=len(counts)).astype(np.float64)
    rows = counts.sum(1, keepdims=True)
    shares = np.where(rows > 0, counts / np.maximum(rows, 1), np.eye(len(counts)))
    joint: NDArray[np.float64] = shares * sizes[:, None] / sizes.sum()
    return joint


def normalized_margin(scores: Array, given: Array) -> NDArray[np.float64]:
    """(N,) in -1..1: the score of the class given less the highest of the others (section 3.2)."""
    others = scores.astype(np.float64)
    own = others[np.arange(len(given)), given]
    others[np.arange(len(given)), given] = -np.inf
    margin: NDArray[np.float64] = own - others.max(1)
    return margin


def doubts_and_noise(
    scores: Array, targets: Array, classes: Sequence[str], *, multilabel: bool
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The doubted labels, surest first, and how often a class is given for another.

    doubts: picture (0..N - 1), given, suggested, score: the pictures whose confident class is not
    the one given, by normalized margin. noise: given, actual, counted (by the confident joint),
    share (of all pictures, by the calibrated joint), of_given (of the pictures so given), the most
    frequent first. Where a picture may have several classes, each is asked for by itself, one
    against the rest: a label that may be wrong is suggested "", one that may be missing given "".

    scores: (N, C) in 0..1; targets: (N, C) of 0 and 1.
    """
    if not multilabel:
        return _of_classes(scores, targets.argmax(1), classes)
    found = [
        _of_classes(
            np.stack([1 - scores[:, column], scores[:, column]], 1),
            targets[:, column].astype(np.int64),
            ["", name],
        )
        for column, name in enumerate(classes)
    ]
    return _sorted(pd.concat([doubts for doubts, _ in found]), pd.concat([n for _, n in found]))


def _of_classes(
    scores: Array, given: Array, names: Sequence[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    counts, confident = confident_joint(scores, given)
    joint = calibrated_joint(counts, given)
    doubted = np.flatnonzero((confident >= 0) & (confident != given))
    as_text = np.asarray(names, object)
    doubts = pd.DataFrame(
        {
            "picture": doubted,
            "given": as_text[given[doubted]],
            "suggested": as_text[confident[doubted]],
            "score": normalized_margin(scores, given)[doubted].round(4),
        }
    )
    i, j = np.nonzero(joint * ~np.eye(len(names), dtype=bool))
    noise = pd.DataFrame(
        {
            "given": as_text[i],
            "actual": as_text[j],
            "counted": counts[i, j],
            "share": joint[i, j],
            "of_given": joint[i, j] / joint.sum(1)[i],
        }
    )
    return _sorted(doubts, noise)


def _sorted(doubts: pd.DataFrame, noise: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    return (
        doubts.sort_values(["score", "picture"], ignore_index=True),
        noise.sort_values("share", ascending=False, kind="stable", ignore_index=True),
    )

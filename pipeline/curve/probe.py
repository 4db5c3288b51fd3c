"""A linear head of the features, trained on fewer of the pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from pipeline.classifiers.estimator import in_all_classes
from pipeline.classifiers.ridge import RidgeClassifier
from pipeline.compute.parallel import ordered_map
from pipeline.measure.accuracy import hits

Array = NDArray[Any]


@dataclass(frozen=True)
class Part:
    """Features (N, D) and targets (N, C) of 0 and 1."""

    x: NDArray[np.float32]
    targets: NDArray[np.int8]

    def __getitem__(self, rows: Array) -> Part:
        return Part(self.x[rows], self.targets[rows])


class Split(NamedTuple):
    train: Part
    validation: Part
    test: Part


def probed(
    split: Split,
    orders: Sequence[NDArray[np.int64]],
    sizes: NDArray[np.int64],
    *,
    multilabel: bool,
) -> NDArray[np.float32]:
    """(S, R, M, C): scores of the test pictures by the first `sizes` pictures in each of R orders.

    By ridge regression, its penalty and the scale of its scores those of the least log loss on
    validation. The last size has all pictures, so that it is trained once for all orders.
    """
    train, validation, test = split
    n_sizes, n_orders = len(sizes), len(orders)
    scores = np.empty((n_sizes, n_orders, *test.targets.shape), np.float32)

    def train_one(place: tuple[int, int]) -> None:
        size, order = place
        chosen = train[orders[order][: sizes[size]]]
        scores[size, order] = _scores(chosen, validation, test.x, multilabel=multilabel)

    places = [(n_sizes - 1, 0), *np.ndindex(n_sizes - 1, n_orders)]
    with threadpool_limits(1, user_api="blas"):
        for _ in ordered_map(train_one, places):
            pass
    scores[-1, 1:] = scores[-1, 0]
    return scores


def _scores(train: Part, validation: Part, x: Array, *, multilabel: bool) -> NDArray[np.float32]:
    """(M, C), 0 of the classes that the training pictures lack."""
    head = RidgeClassifier(alpha="auto")
    if multilabel:
        head.fit(train.x, train.targets, validation=(validation.x, validation.targets))
    else:
        labels = [part.targets.argmax(1) for part in (train, validation)]
        head.fit(train.x, labels[0], validation=(validation.x, labels[1]))
    return in_all_classes(head.predict_proba(x), head.classes_, train.targets.shape[1])


@dataclass(frozen=True)
class Right:
    """What scores (S, R, M, C) have right of M pictures.

    hits: (S, R, M) bool, whether the top class is (one of) the picture's; found: (S, R, P) bool, of
    each class of each picture, whether it is among the top k, k being how many the picture has;
    picture, column: (P,) which these are.
    """

    hits: NDArray[np.bool_]
    found: NDArray[np.bool_]
    picture: NDArray[np.int64]
    column: NDArray[np.int64]

    @classmethod
    def of(cls, scores: NDArray[np.float32], targets: NDArray[np.int8]) -> Right:
        """targets: (M, C) of 0 and 1."""
        picture, column = np.nonzero(targets)
        most = targets.sum(1)[picture]
        found = np.array(
            [
                [(row[picture] > row[picture, column, None]).sum(1) < most for row in draws]
                for draws in scores
            ]
        )
        return cls(hits(scores, targets), found, picture, column)


def rotated(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, D) -> (N, N), where D is more than N: the rows turned into as many axes as they need.

    Their inner products stay, and with them what a ridge regression says of each:
    X Xᵀ = U Λ Uᵀ -> U Λ^½.
    """
    if x.shape[1] <= len(x):
        return x
    values, vectors = np.linalg.eigh((x @ x.T).astype(np.float64))
    turned: NDArray[np.float32] = (vectors * np.sqrt(values.clip(0))).astype(np.float32)
    return turned

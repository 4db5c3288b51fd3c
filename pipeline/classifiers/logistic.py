"""Logistic regression, by scikit-learn, its penalty given or chosen on a path of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from pipeline.classifiers.estimator import Array, Samples
from pipeline.classifiers.linear import LinearClassifier
from pipeline.core.schema import PositiveFloat
from pipeline.measure.accuracy import Tried

PATH = tuple(10 ** (exponent / 2) for exponent in range(-12, 9))  # 1e-6 to 1e4
MAX_ITER = 1000
CERTAIN = 30.0  # log-odds of a label that every training sample has, or none (then negative)


class LogisticClassifier(LinearClassifier):
    """Logistic regression with an L2 penalty.

    C: inverse strength of the penalty, as in `sklearn.linear_model.LogisticRegression`; "auto": of
    the values of PATH, from the smallest on, each fit beginning at the one before, that with the
    least log loss of the validation samples, which `fit` then needs. One value serves all labels.

    The attributes are those of `LinearClassifier`.
    """

    def __init__(self, C: PositiveFloat | Literal["auto"] = 1.0) -> None:
        self.C = C

    def _learn(self, samples: Sequence[Samples]) -> None:
        if not self.multilabel_ and len(self.classes_) < 2:
            raise ValueError("y has one class: there is nothing to tell apart")
        self.path_: list[Tried] = []
        with self._timed(), threadpool_limits(1, user_api="blas"):
            if self.C == "auto":
                held_out = self._held_out(samples, "C")
                self._choose(self._fits(samples[0], PATH), held_out)
            else:
                ((_, self.coef_, self.intercept_),) = self._fits(samples[0], (self.C,))

    def _fits(self, data: Samples, path: Sequence[float]) -> Iterator[tuple[float, Array, Array]]:
        """Each C with coef (K, D) and intercept (K,)."""
        columns = data.targets.T if self.multilabel_ else [data.targets.argmax(axis=1)]
        models = [LogisticRegression(max_iter=MAX_ITER, warm_start=True) for _ in columns]
        for C in path:
            lines = [
                _line(model.set_params(C=C), data.x, column)
                for model, column in zip(models, columns, strict=True)
            ]
            coef, intercept = (np.concatenate(parts) for parts in zip(*lines, strict=True))
            if len(coef) < len(self.classes_):  # the log-odds of the second of two
                coef = np.concatenate([-coef, coef]) / 2
                intercept = np.concatenate([-intercept, intercept]) / 2
            yield C, coef, intercept


def _line(model: LogisticRegression, x: Array, column: Array) -> tuple[Array, Array]:
    """Coefficients (K, D) and intercepts (K,); K is 1 of two classes."""
    if len(np.unique(column)) == 1:
        return np.zeros((1, x.shape[1]), x.dtype), np.array([CERTAIN if column[0] else -CERTAIN])
    model.fit(x, column)
    return model.coef_, model.intercept_

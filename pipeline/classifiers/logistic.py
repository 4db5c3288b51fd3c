"""Logistic regression, by scikit-learn: the reference for what is trained here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from pipeline.classifiers.estimator import Array, Classifier, Samples
from pipeline.core.schema import PositiveFloat

MAX_ITER = 1000
CERTAIN = 30.0  # log-odds of a label that every training sample has, or none (then negative)


class LogisticClassifier(Classifier):
    """Linear log-odds with an L2 penalty: softmax over class labels, sigmoids over indicators.

    C: inverse strength of the penalty, as in `sklearn.linear_model.LogisticRegression`.

    Fitted: coef_ (K, D), intercept_ (K,), and the attributes of `Classifier`.
    """

    def __init__(self, C: PositiveFloat = 1.0) -> None:
        self.C = C

    @property
    def n_parameters_(self) -> int:
        """The number of coefficients and intercepts."""
        return self.coef_.size + self.intercept_.size

    def state_dict(self) -> dict[str, Array]:
        """The fitted arrays."""
        check_is_fitted(self)
        return {"coef": self.coef_, "intercept": self.intercept_}

    def _learn(self, samples: Sequence[Samples]) -> None:
        x, targets = samples[0]
        with self._timed(), threadpool_limits(1, user_api="blas"):
            if self.multilabel_:
                lines = [self._line(x, column) for column in targets.T]
                self.coef_ = np.stack([coef for coef, _ in lines])
                self.intercept_ = np.array([intercept for _, intercept in lines])
                return
            if len(self.classes_) < 2:
                raise ValueError("y has one class: there is nothing to tell apart")
            model = self._model().fit(x, targets.argmax(axis=1))
            self.coef_, self.intercept_ = model.coef_, model.intercept_
            if len(self.classes_) == 2:  # the log-odds of the second
                self.coef_ = np.concatenate([-self.coef_, self.coef_]) / 2
                self.intercept_ = np.concatenate([-self.intercept_, self.intercept_]) / 2

    def _model(self) -> LogisticRegression:
        return LogisticRegression(C=self.C, max_iter=MAX_ITER)

    def _line(self, x: Array, column: Array) -> tuple[Array, float]:
        """Coefficients (D,) and intercept of one label's log-odds."""
        if len(np.unique(column)) == 1:
            return np.zeros(x.shape[1], x.dtype), CERTAIN if column[0] else -CERTAIN
        model = self._model().fit(x, column)
        return model.coef_[0], float(model.intercept_[0])

    def _load(self, state: Mapping[str, Array]) -> None:
        self.coef_, self.intercept_ = state["coef"], state["intercept"]
        if len(self.coef_) != len(self.classes_):
            raise ValueError(
                f"{len(self.classes_)} classes have as many rows of coef, got {self.coef_.shape}"
            )
        self.n_features_in_ = self.coef_.shape[1]
        self._dtype = self.coef_.dtype

    def _probabilities(self, x: Array) -> Array:
        logits = x @ self.coef_.T + self.intercept_
        scores: Array = expit(logits) if self.multilabel_ else softmax(logits, axis=1)
        return scores

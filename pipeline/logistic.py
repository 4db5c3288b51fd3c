"""Logistic regression, by scikit-learn: the reference for what is trained here."""

from __future__ import annotations

from collections.abc import Mapping
from time import thread_time
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.utils import column_or_1d
from sklearn.utils.validation import check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

Array = NDArray[Any]

MAX_ITER = 1000


class LogisticClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Linear log-odds with an L2 penalty: softmax over class labels, sigmoids over indicators.

    X (N, D); y (N,) class labels or an (N, L) indicator of 0 and 1.

    C: inverse strength of the penalty, as in `sklearn.linear_model.LogisticRegression`.

    Fitted: coef_ (K, D), intercept_ (K,), classes_ (K,), multilabel_, seconds_ (of one thread).
    """

    history_ = ()  # no epochs

    def __init__(self, C: float = 1.0) -> None:
        self.C = C

    def fit(self, X: ArrayLike, y: ArrayLike, *, validation: object = None) -> Self:
        """`validation` is not used."""
        with threadpool_limits(1, user_api="blas"):
            return self._fit(X, y)

    def _fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        start = thread_time()
        x, labels = validate_data(self, X, y, dtype=(np.float32, np.float64), multi_output=True)
        self.multilabel_ = labels.ndim == 2 and labels.shape[1] > 1
        if self.multilabel_:
            self.classes_ = np.arange(labels.shape[1])
            fitted = [self._of_two(x, column) for column in labels.T]
        else:
            labels = column_or_1d(labels, warn=True)
            self.classes_ = np.unique(labels)
            if len(self.classes_) < 2:
                raise ValueError("y has one class: there is nothing to tell apart")
            model = self._model().fit(x, labels)
            two = len(self.classes_) == 2  # the log-odds of the second class
            fitted = (
                [
                    (-model.coef_[0] / 2, -model.intercept_[0] / 2),
                    (model.coef_[0] / 2, model.intercept_[0] / 2),
                ]
                if two
                else list(zip(model.coef_, model.intercept_, strict=True))
            )
        self.coef_ = np.stack([weight for weight, _ in fitted])
        self.intercept_ = np.array([bias for _, bias in fitted])
        self.seconds_ = thread_time() - start
        return self

    def _model(self) -> LogisticRegression:
        return LogisticRegression(C=self.C, max_iter=MAX_ITER)

    def _of_two(self, x: Array, column: Array) -> tuple[Array, float]:
        if len(np.unique(column)) == 1:  # always or never
            return np.zeros(x.shape[1]), 30.0 if column[0] else -30.0
        model = self._model().fit(x, column)
        return model.coef_[0], float(model.intercept_[0])

    def predict_proba(self, X: ArrayLike) -> Array:
        """(N, D) -> (N, K); rows sum to 1 unless `multilabel_`."""
        check_is_fitted(self)
        x = validate_data(self, X, reset=False, dtype=(np.float32, np.float64))
        logits = x @ self.coef_.T + self.intercept_
        scores: Array = expit(logits) if self.multilabel_ else softmax(logits, axis=1)
        return scores

    def predict(self, X: ArrayLike) -> Array:
        """Class labels (N,), or an indicator (N, L) of probabilities above one half."""
        scores = self.predict_proba(X)
        labels: Array = (
            (scores > 0.5).astype(int) if self.multilabel_ else self.classes_[scores.argmax(1)]
        )
        return labels

    def state_dict(self) -> dict[str, Array]:
        """The fitted arrays."""
        return {"coef": self.coef_, "intercept": self.intercept_}

    def load_state_dict(
        self, state: Mapping[str, Array], *, classes: Array, multilabel: bool
    ) -> Self:
        """What `state_dict` gave, for these classes."""
        self.coef_, self.intercept_ = state["coef"], state["intercept"]
        self.classes_, self.multilabel_ = classes, multilabel
        self.n_features_in_ = self.coef_.shape[1]
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

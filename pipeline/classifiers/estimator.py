"""What every classifier shares: labels and targets, predictions, scikit-learn's conventions."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import perf_counter, thread_time
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from pipeline.classifiers.bounds import check_parameters
from pipeline.measure.accuracy import Epoch

Array = NDArray[np.floating[Any]]

THRESHOLD = 0.5  # `predict` gives a sample each label above it, where there may be several


class Samples(NamedTuple):
    x: Array  # (N, n_features)
    targets: Array  # (N, C)


class Classifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Base of all classifiers; a subclass says what is learned from which targets.

    Attributes
    ----------
    classes_ : (C,) labels in the order of the columns; 0 … C - 1 for indicator targets.
    multilabel_ : whether `fit` got indicator targets.
    history_ : one `Epoch` per epoch; empty where there are none.
    seconds_ : time spent in training, without the scoring for `history_`: processor time where one
        process trains, which does not depend on what else runs, otherwise that of the clock.
    n_features_in_ : number of features.

    It computes in the dtype of X: float32 and float64 stay, anything else becomes float32. The
    annotations of a constructor are bounds of its parameters; `fit` checks them.
    """

    n_features_in_: int

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        validation: tuple[ArrayLike, ArrayLike] | None = None,
    ) -> Self:
        """Train on X (N, n_features) and y: (N,) class labels or an (N, C) indicator of 0 and 1.

        `validation` is another (X, y), scored for `history_`; labels that y lacks are misses.
        Raises `ValueError` for parameters and data outside their bounds, `FloatingPointError` where
        training diverges.
        """
        check_parameters(self)
        x, labels = validate_data(self, X, y, dtype=(np.float32, np.float64), multi_output=True)
        check_classification_targets(labels)
        self._dtype: DTypeLike = x.dtype
        self.multilabel_ = labels.ndim == 2 and labels.shape[1] > 1
        if self.multilabel_:
            self.classes_ = np.arange(labels.shape[1])
        else:
            self.classes_ = np.unique(column_or_1d(labels, warn=True))
        samples = [Samples(x, self._targets(labels))]
        if validation is not None:
            x, labels = validate_data(
                self, *validation, reset=False, dtype=self._dtype, multi_output=True
            )
            samples.append(Samples(x, self._targets(labels)))
        self.history_: list[Epoch] = []
        self.seconds_ = 0.0
        self._learn(samples)
        return self

    def predict_proba(self, X: ArrayLike) -> Array:
        """X (N, n_features) -> (N, C); rows sum to 1 unless `multilabel_`."""
        check_is_fitted(self)
        return self._probabilities(validate_data(self, X, reset=False, dtype=self._dtype))

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """X (N, n_features) -> (N,) class labels, or the (N, C) indicator of p > 0.5."""
        probabilities = self.predict_proba(X)
        if self.multilabel_:
            return (probabilities > THRESHOLD).astype(np.int64)
        labels: NDArray[Any] = self.classes_[probabilities.argmax(axis=1)]
        return labels

    @abstractmethod
    def state_dict(self) -> dict[str, Array]:
        """The learned arrays by flat names, for `load_state_dict`."""

    def load_state_dict(
        self, state: Mapping[str, Array], *, classes: ArrayLike, multilabel: bool
    ) -> Self:
        """Become the fitted estimator that had this `state_dict()`, `classes_` and `multilabel_`.

        The parameters must be those of that estimator: `ValueError` where names or shapes differ.
        """
        self.classes_ = np.asarray(classes)
        self.multilabel_ = multilabel
        self._load(state)
        return self

    @abstractmethod
    def _learn(self, samples: Sequence[Samples]) -> None:
        """Learn from `samples[0]`; `samples[1]`, if there, is for validation."""

    @abstractmethod
    def _load(self, state: Mapping[str, Array]) -> None:
        """Set what `_learn` sets, and `n_features_in_` and `_dtype`."""

    @abstractmethod
    def _probabilities(self, x: Array) -> Array:
        """(N, n_features) -> (N, C)."""

    @contextmanager
    def _timed(self, processes: int = 1) -> Iterator[None]:
        clock = thread_time if processes == 1 else perf_counter
        start = clock()
        yield
        self.seconds_ += clock() - start

    def _targets(self, y: NDArray[Any]) -> Array:
        """(N,) labels, or an (N, C) indicator where `multilabel_`, -> (N, C) of 0 and 1."""
        if not self.multilabel_:
            return np.asarray(column_or_1d(y)[:, np.newaxis] == self.classes_, self._dtype)
        n_labels = len(self.classes_)
        if y.shape[1:] != (n_labels,) or not np.isin(y, (0, 1)).all():
            raise ValueError(
                f"y must be a dense (N, {n_labels}) indicator of 0 and 1, one column per label, "
                f"got shape {y.shape} with the values {np.unique(y)[:5]}"
            )
        return y.astype(self._dtype)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def in_all_classes(found: NDArray[Any], seen: NDArray[Any], count: int) -> NDArray[np.float32]:
    """Scores (N, S) of the classes `seen` (S,), their numbers -> (N, count), 0 in all others."""
    scores = np.zeros((len(found), count), np.float32)
    scores[:, seen] = found
    return scores

"""What linear classifiers share: coefficients, and a penalty that is chosen on validation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from scipy.special import expit, softmax
from sklearn.utils.validation import check_is_fitted

from pipeline.classifiers.estimator import Array, Classifier, Samples
from pipeline.measure.accuracy import Tried, best_tried, hit_at_1

TURNED = 3  # so many values after the best one end a path


class LinearClassifier(Classifier):
    """Linear log-odds x · coef + intercept: softmax over class labels, sigmoids over indicators.

    Attributes
    ----------
    coef_ : (C, D).
    intercept_ : (C,).
    path_ : the penalties that were tried, in this order, where the validation samples choose;
        otherwise empty.

    The other attributes are those of `Classifier`.
    """

    @property
    def n_parameters_(self) -> int:
        """The number of coefficients and intercepts."""
        return self.coef_.size + self.intercept_.size

    def state_dict(self) -> dict[str, Array]:
        """The fitted arrays."""
        check_is_fitted(self)
        return {"coef": self.coef_, "intercept": self.intercept_}

    def _choose(self, fits: Iterable[tuple[float, Array, Array]], held_out: Samples) -> None:
        """Keep the fit, a penalty with coef and intercept, of the least log loss of `held_out`.

        The path ends where the log loss has turned: TURNED values after the best.
        """
        for value, coef, intercept in fits:
            p = to_probabilities(held_out.x @ coef.T + intercept, multilabel=self.multilabel_)
            loss = log_loss(p, held_out.targets, multilabel=self.multilabel_)
            self.path_.append(Tried(value, hit_at_1(p, held_out.targets), loss))
            best = self.path_.index(best_tried(self.path_))
            if best == len(self.path_) - 1:
                self.coef_, self.intercept_ = coef, intercept
            elif best == len(self.path_) - 1 - TURNED:
                break

    def _held_out(self, samples: Sequence[Samples], knob: str) -> Samples:
        """The validation samples; `ValueError` where there are none."""
        if len(samples) == 1:
            raise ValueError(
                f"{knob} auto is chosen on validation samples and there are none: call "
                f"fit(X, y, validation=(X, y)), or make {knob} a number"
            )
        return samples[1]

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
        return to_probabilities(logits, multilabel=self.multilabel_)


def log_loss(p: Array, targets: Array, *, multilabel: bool) -> float:
    """Mean over the samples of -log p, (N, C), of the class; over labels too where several may be.

    Probabilities are kept 1e-7 from 0 and 1. A sample without a class counts as 0.
    """
    p = p.clip(1e-7, 1 - 1e-7).astype(np.float64)
    losses = -targets * np.log(p)
    if multilabel:
        losses -= (1 - targets) * np.log1p(-p)
        return float(losses.mean())
    return float(losses.sum(axis=1).mean())


def to_probabilities(logits: Array, *, multilabel: bool) -> Array:
    """Softmax of logits (N, C), or their sigmoids where a sample may have several labels."""
    p: Array = expit(logits) if multilabel else softmax(logits, axis=1)
    return p

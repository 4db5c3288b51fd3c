"""Ridge regression of the classes, its penalty given or chosen, all from one decomposition."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
from scipy.linalg import eigh
from scipy.optimize import minimize_scalar
from threadpoolctl import threadpool_limits

from pipeline.classifiers.estimator import Array, Samples
from pipeline.classifiers.linear import LinearClassifier, log_loss, to_probabilities
from pipeline.core.schema import PositiveFloat
from pipeline.measure.accuracy import Tried

PATH = tuple(10 ** (exponent / 2) for exponent in range(16, -9, -1))  # 1e8 to 1e-4
SHARPEST = 1e4  # the largest factor of scores


class RidgeClassifier(LinearClassifier):
    """Least squares with an L2 penalty (Hoerl & Kennard 1970, Technometrics 12(1)).

    With x and the targets y of 0 and 1 less their means, the scores of the classes are x W + mean
    of y, and W minimises

        ‖x W - y‖² + alpha ‖W‖²:  W = V (Λ + alpha)⁻¹ Vᵀ xᵀ y,  V Λ Vᵀ = xᵀ x

    Of fewer samples than features the decomposition is that of x xᵀ. The probabilities are the
    softmax of t times the scores, for indicator targets σ(t (score - 1/2)), t > 0 being that with
    the least log loss of the validation samples, without them of the training samples.

    alpha: the penalty, as in `sklearn.linear_model.Ridge`; "auto": of the values of PATH, from the
    largest on and all from the one decomposition, that with the least log loss of the validation
    samples, which `fit` then needs. One value serves all classes.

    The attributes are those of `LinearClassifier`; `coef_` and `intercept_` hold t.
    """

    def __init__(self, alpha: PositiveFloat | Literal["auto"] = 1.0) -> None:
        self.alpha = alpha

    def _learn(self, samples: Sequence[Samples]) -> None:
        self.path_: list[Tried] = []
        with self._timed(), threadpool_limits(1, user_api="blas"):
            if self.alpha == "auto":
                held_out = self._held_out(samples, "alpha")
                self._choose(self._fits(samples[0], held_out, PATH), held_out)
            else:
                fits = self._fits(samples[0], samples[-1], (self.alpha,))
                ((_, self.coef_, self.intercept_),) = fits

    def _fits(
        self, data: Samples, scaled_on: Samples, path: Sequence[float]
    ) -> Iterator[tuple[float, Array, Array]]:
        """Each alpha with coef (C, D) and intercept (C,), whose scale `scaled_on` decides."""
        x_mean, y_mean = (part.mean(axis=0, dtype=np.float64) for part in data)
        x, y = data.x - x_mean, data.targets - y_mean  # float64
        if len(x) < x.shape[1]:
            eigenvalues, vectors = eigh(x @ x.T)
            basis, projected = x.T @ vectors, vectors.T @ y
        else:
            eigenvalues, basis = eigh(x.T @ x)
            projected = basis.T @ (x.T @ y)
        eigenvalues = eigenvalues.clip(0)[:, np.newaxis]
        middle = 0.5 if self.multilabel_ else 0.0
        for alpha in path:
            weights = basis @ (projected / (eigenvalues + alpha))  # (D, C)
            bias = y_mean - x_mean @ weights - middle
            t = self._sharpness(scaled_on.x @ weights + bias, scaled_on.targets)
            yield alpha, (t * weights.T).astype(self._dtype), (t * bias).astype(self._dtype)

    def _sharpness(self, scores: Array, targets: Array) -> float:
        """The factor t of scores (N, C) with the least log loss."""

        def loss(log_t: float) -> float:
            p = to_probabilities(np.exp(log_t) * scores, multilabel=self.multilabel_)
            return log_loss(p, targets, multilabel=self.multilabel_)

        bound = np.log(SHARPEST)
        return float(np.exp(minimize_scalar(loss, bounds=(-bound, bound), method="bounded").x))

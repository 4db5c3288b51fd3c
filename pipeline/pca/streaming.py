"""The PCA as an estimator of scikit-learn."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from pipeline.compute.distributed import World
from pipeline.pca.decomposition import ALONE, OVERSAMPLES, PASSES, Components, fit_components
from pipeline.pca.rows import Array, Blocks, slices

DTYPES = [np.float64, np.float32, np.float16]


class StreamingPCA(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """`fit_components` of (N, D) float16, float32 or float64, read in blocks.

    n_components: K, at most min(N, D). whiten: `transform` gives each component variance 1. The
    other parameters are those of `fit_components`; random_state is its seed.

    Fitted: mean_ (D,), components_ (K, D), explained_variance_ and explained_variance_ratio_ (K,),
    n_components_, n_samples_.
    """

    def __init__(
        self,
        n_components: int = 2,
        *,
        whiten: bool = False,
        sample: int | None = None,
        n_oversamples: int = OVERSAMPLES,
        n_passes: int = PASSES,
        device: str = "auto",
        random_state: int = 0,
    ) -> None:
        self.n_components = n_components
        self.whiten = whiten
        self.sample = sample
        self.n_oversamples = n_oversamples
        self.n_passes = n_passes
        self.device = device
        self.random_state = random_state

    def fit(self, X: Any, y: None = None) -> Self:
        """Fit on X (N, D). Errors: ValueError when n_components exceeds min(N, D)."""
        X = validate_data(self, X, dtype=DTYPES, ensure_min_samples=2)
        return self.fit_stream(lambda: slices(X))

    def fit_stream(self, blocks: Blocks, *, world: World = ALONE) -> Self:
        """Fit on the rows of all processes of `world`. Errors: those of `fit_components`."""
        found = fit_components(
            blocks,
            self.n_components,
            sample=self.sample,
            n_oversamples=self.n_oversamples,
            n_passes=self.n_passes,
            device=self.device,
            seed=self.random_state,
            world=world,
        )
        self.mean_, self.components_ = found.mean, found.components
        self.explained_variance_ = found.explained_variance
        self.explained_variance_ratio_ = found.explained_variance_ratio
        self.n_components_, self.n_features_in_ = found.components.shape
        self.n_samples_ = found.samples
        return self

    def transform(self, X: Any) -> Array:
        """Project X (N, D) on the components: (N, K) float32, or float64 for float64 input."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=DTYPES, reset=False)
        return self._fitted().project(X, whiten=self.whiten)

    def inverse_transform(self, X: Any) -> Array:
        """Back from (N, K) to the nearest point of the components' subspace, (N, D)."""
        check_is_fitted(self)
        scaled = np.asarray(X) * self._fitted().scale if self.whiten else np.asarray(X)
        restored: Array = scaled @ self.components_ + self.mean_
        return restored

    def _fitted(self) -> Components:
        return Components(
            self.mean_,
            self.components_,
            self.explained_variance_,
            self.explained_variance_ratio_,
            self.n_samples_,
        )

    @property
    def _n_features_out(self) -> int:
        return int(self.n_components_)

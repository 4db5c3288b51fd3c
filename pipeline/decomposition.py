"""Principal component analysis."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError
from scipy.linalg import eigh
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from pipeline.errors import UserError
from pipeline.tables import replacing

Array = NDArray[np.floating[Any]]

COLUMNS = 8192  # features converted from float16 at a time
ROWS = 256  # rows converted at a time


class PCA(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Exact PCA of (N, D) float16, float32 or float64 by the smaller of its two Gram matrices.

    With X centred, the eigenvectors V of X'X (D, D) are the components; where N < D they come from
    those of XX' (N, N), U, as the columns of X'U made orthonormal (Bishop, Pattern Recognition and
    Machine Learning, eq. 12.30). float16 is read in blocks and computed in float32. The largest
    entry of each component is positive.

    n_components: at most min(N, D). Fitted: mean_ (D,), components_ (K, D),
    explained_variance_ and explained_variance_ratio_ (K,), n_components_.
    """

    def __init__(self, n_components: int = 2) -> None:
        self.n_components = n_components

    def fit(self, X: Any, y: None = None) -> Self:
        """Fit on X (N, D). Errors: ValueError when n_components exceeds min(N, D)."""
        X = validate_data(self, X, dtype=[np.float64, np.float32, np.float16], ensure_min_samples=2)
        rows, columns = X.shape
        if not 1 <= self.n_components <= min(rows, columns):
            raise ValueError(
                f"n_components={self.n_components} must be between 1 and min(n_samples, n_features)"
                f"={min(rows, columns)}"
            )
        work = np.float64 if X.dtype == np.float64 else np.float32
        self.mean_ = X.mean(0, dtype=np.float64).astype(work)
        if rows < columns:
            vectors, squares, total = self._from_rows(X, work)
        else:
            vectors, squares, total = self._from_columns(X, work)
        largest = np.abs(vectors).argmax(1)
        signs = np.sign(vectors[np.arange(len(vectors)), largest])
        self.components_ = vectors * np.where(signs == 0, 1, signs)[:, None].astype(work)
        self.n_components_ = self.n_components
        self.explained_variance_ = (squares / (rows - 1)).astype(work)
        self.explained_variance_ratio_ = (squares / total if total > 0 else squares).astype(work)
        return self

    def _from_rows(self, X: Array, work: Any) -> tuple[Array, Array, float]:
        gram = np.zeros((len(X), len(X)))
        for _, block in self._column_blocks(X, work):
            gram += block @ block.T
        squares, u = _largest(gram, self.n_components)
        u = u.astype(work)
        projected = np.empty((X.shape[1], self.n_components), work)
        for columns, block in self._column_blocks(X, work):
            projected[columns] = block.T @ u
        # Not a division by the singular values: they are 0 where pictures repeat or K = N.
        orthonormal, _ = np.linalg.qr(projected)
        return orthonormal.T, squares, float(np.trace(gram))

    def _from_columns(self, X: Array, work: Any) -> tuple[Array, Array, float]:
        scatter = np.zeros((X.shape[1], X.shape[1]))
        for start in range(0, len(X), ROWS):
            block = X[start : start + ROWS].astype(work) - self.mean_
            scatter += block.T @ block
        squares, v = _largest(scatter, self.n_components)
        return v.T.astype(work), squares, float(np.trace(scatter))

    def _column_blocks(self, X: Array, work: Any) -> Iterator[tuple[slice, Array]]:
        for start in range(0, X.shape[1], COLUMNS):
            columns = slice(start, start + COLUMNS)
            yield columns, X[:, columns].astype(work) - self.mean_[columns]

    def transform(self, X: Any) -> Array:
        """Project X (N, D) on the components: (N, K) float32, or float64 for float64 input."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32, np.float16], reset=False)
        projected = np.empty((len(X), self.n_components_), self.components_.dtype)
        for start in range(0, len(X), ROWS):
            block = X[start : start + ROWS].astype(self.components_.dtype) - self.mean_
            projected[start : start + ROWS] = block @ self.components_.T
        return projected

    def inverse_transform(self, X: Any) -> Array:
        """Back from (N, K) to the nearest point of the components' subspace, (N, D)."""
        check_is_fitted(self)
        restored: Array = np.asarray(X) @ self.components_ + self.mean_
        return restored

    @property
    def _n_features_out(self) -> int:
        return int(self.n_components_)


def _largest(gram: Array, count: int) -> tuple[Array, Array]:
    """The `count` largest eigenvalues, descending and not negative, and their eigenvectors."""
    size = len(gram)
    values, vectors = eigh(gram, subset_by_index=(size - count, size - 1))
    return np.maximum(values[::-1], 0.0), vectors[:, ::-1]


def components_digest(pca: PCA | None, **extraction: str) -> str:
    """Which components these are: 16 hex digits of a SHA-256 over the PCA and its features."""
    digest = hashlib.sha256(json.dumps(extraction, sort_keys=True).encode())
    if pca is not None:
        digest.update(pca.mean_.tobytes() + np.ascontiguousarray(pca.components_).tobytes())
    return digest.hexdigest()[:16]


def save_pca(path: Path, pca: PCA | None, **provenance: Any) -> None:
    """Write `path` (safetensors) and the .json beside it; `None` is `components: none`."""
    tensors = (
        {}
        if pca is None
        else {
            "mean": pca.mean_,
            "components": np.ascontiguousarray(pca.components_),
            "explained_variance": pca.explained_variance_,
            "explained_variance_ratio": pca.explained_variance_ratio_,
        }
    )
    with replacing(path) as temporary:
        safetensors.numpy.save_file(tensors, temporary)
    stored = {"components": "none" if pca is None else pca.n_components_, **provenance}
    with replacing(path.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(stored, indent=2, ensure_ascii=False) + "\n", "utf-8")


def load_pca(path: Path) -> tuple[PCA | None, dict[str, Any]]:
    """The PCA that `save_pca` wrote and its provenance. Errors: `UserError`."""
    try:
        stored = json.loads(path.with_suffix(".json").read_text("utf-8"))
        tensors = safetensors.numpy.load_file(path)
        components = stored.pop("components")
        if components == "none":
            return None, stored
        pca = PCA(n_components=components)
        pca.mean_, pca.components_ = tensors["mean"], tensors["components"]
        pca.explained_variance_ = tensors["explained_variance"]
        pca.explained_variance_ratio_ = tensors["explained_variance_ratio"]
        pca.n_components_, pca.n_features_in_ = components, len(pca.mean_)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise UserError(f"{path} cannot be loaded ({error}): run `dvc repro`") from None
    return pca, stored

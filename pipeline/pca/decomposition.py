"""Principal component analysis of rows that need not fit in memory."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from pipeline.compute.devices import choose_device, choose_precision
from pipeline.compute.distributed import World
from pipeline.pca.rows import Array, Blocks, Rows, Survey, centre, slices, tensor

DTYPES = [np.float64, np.float32, np.float16]
ALONE = World()
FEW_ROWS = 1024  # up to here the Gram matrix of all rows
FEW_COLUMNS = 4096  # up to here the covariance matrix
STRIP = 8192  # columns of a product that is added to what is there
LANES = 64  # the subspace's width is a multiple, which matrix products like


class StreamingPCA(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """PCA of (N, D) float16, float32 or float64, read in blocks; memory is O(D), whatever N.

    N <= FEW_ROWS: exact, by the Gram matrix XX' (N, N) of the centred rows (Bishop, Pattern
    Recognition and Machine Learning, eq. 12.30). Otherwise D <= FEW_COLUMNS: exact, by the scatter
    X'X (D, D). Otherwise block subspace iteration (Halko, Martinsson and Tropp, arXiv 0909.4061,
    algorithm 4.4): one pass for the mean and FEW_ROWS rows drawn at random, whose singular vectors
    are the start; then `n_passes`, each ended by a Nyström approximation (Tropp et al., arXiv
    1706.05736, algorithm 3), in bfloat16 where the hardware multiplies it.

    float16 is computed in float32. The largest entry of each component is positive.

    n_components: K, at most min(N, D). whiten: `transform` gives each component variance 1.
    sample: fit on so many rows, drawn at random; None is all. random_state: of everything drawn.
    n_oversamples: directions iterated beyond K. n_passes: 1 or more. device: where to multiply;
    "auto" is cuda where there is one.

    Fitted: mean_ (D,), components_ (K, D), explained_variance_ and explained_variance_ratio_ (K,),
    n_components_, n_samples_. After subspace iteration the variances are approximated from below.
    """

    def __init__(
        self,
        n_components: int = 2,
        *,
        whiten: bool = False,
        sample: int | None = None,
        n_oversamples: int = 128,
        n_passes: int = 2,
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
        """Fit on the rows of all processes of `world`, which call this together.

        blocks: gives this process's rows, (n, D) arrays of one dtype, possibly none, and the same
        at each call. Errors: ValueError when n_components exceeds min(N, D), when a value is not
        finite, when blocks differ in width or dtype.
        """
        if self.n_passes < 1 or self.n_oversamples < 0:
            raise ValueError(
                f"n_passes={self.n_passes} must be at least 1, "
                f"n_oversamples={self.n_oversamples} at least 0"
            )
        device = choose_device(self.device, local_rank=world.local_rank)
        rows = Rows(blocks, world, device)
        if self.sample is not None:
            drawn = Survey(rows, keep=self.sample, seed=self.random_state).drawn()
            rows = Rows(lambda: slices(drawn), world, device)
        self._decompose(rows)
        return self

    def _decompose(self, rows: Rows) -> None:
        lanes = -(-max(self.n_components + self.n_oversamples, 1) // LANES) * LANES
        width = min(lanes, rows.columns)
        few = max(FEW_ROWS, 2 * width)
        survey = Survey(rows, keep=few, seed=self.random_state)
        count, mean, total = survey.count, survey.mean, survey.squares
        limit = min(count, rows.columns)
        if count < 2 or not 1 <= self.n_components <= limit:
            raise ValueError(
                f"n_components={self.n_components} must be between 1 and min(n_samples, n_features)"
                f"={limit}, and n_samples={count} at least 2"
            )
        if count > few and rows.columns <= FEW_COLUMNS:
            values, vectors = _eigh(_scatter(rows, mean))
        else:
            drawn = survey.drawn()
            if count <= few:
                values, vectors = _leading(drawn, mean, self.n_components)
            else:
                step = max(1, len(drawn) // (2 * width))  # so that all processes' rows are in it
                values, vectors = _leading(drawn[::step], mean, width)
            rows.broadcast(values)
            rows.broadcast(vectors)
        if count > few and rows.columns > FEW_COLUMNS:
            del survey, drawn
            for _ in range(self.n_passes):
                values, vectors = _iterated(vectors, mean, rows)
        self._keep(rows, count, mean, total, values, vectors)

    def _keep(
        self, rows: Rows, count: int, mean: Tensor, total: float, values: Tensor, vectors: Tensor
    ) -> None:
        k = self.n_components
        nearly = vectors[:, :k].T.double()  # in float32, long columns leave errors of 1e-5
        gram = nearly @ nearly.T
        components = (1.5 * nearly - 0.5 * gram @ nearly).to(rows.dtype).cpu().contiguous().numpy()
        squares = values[:k].clamp(min=0).cpu().numpy()
        rows.world.broadcast(components)  # other processors may have rounded otherwise
        rows.world.broadcast(squares)
        largest = np.abs(components).argmax(1)
        signs = np.sign(components[np.arange(k), largest])
        self.components_ = components * np.where(signs == 0, 1, signs)[:, None].astype(
            components.dtype
        )
        self.mean_ = mean.cpu().numpy()
        self.explained_variance_ = (squares / (count - 1)).astype(components.dtype)
        self.explained_variance_ratio_ = (squares / (total or 1)).astype(components.dtype)
        self.n_components_, self.n_features_in_, self.n_samples_ = k, rows.columns, count

    def transform(self, X: Any) -> Array:
        """Project X (N, D) on the components: (N, K) float32, or float64 for float64 input."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=DTYPES, reset=False)
        components, mean = tensor(self.components_), tensor(self.mean_)
        projected = np.empty((len(X), self.n_components_), self.components_.dtype)
        for block, place in zip(slices(X), slices(projected), strict=True):
            place[:] = ((tensor(block).to(mean.dtype) - mean) @ components.T).numpy()
        return projected / self._scale() if self.whiten else projected

    def inverse_transform(self, X: Any) -> Array:
        """Back from (N, K) to the nearest point of the components' subspace, (N, D)."""
        check_is_fitted(self)
        scaled = np.asarray(X) * self._scale() if self.whiten else np.asarray(X)
        restored: Array = scaled @ self.components_ + self.mean_
        return restored

    def _scale(self) -> Array:
        deviation: Array = np.sqrt(self.explained_variance_)
        return np.maximum(deviation, np.finfo(deviation.dtype).eps)  # as scikit-learn

    @property
    def _n_features_out(self) -> int:
        return int(self.n_components_)


def _scatter(rows: Rows, mean: Tensor) -> Tensor:
    """X'X (D, D) float64 of the centred rows of all processes."""
    matrix = torch.zeros((rows.columns, rows.columns), dtype=torch.float64, device=rows.device)
    for batch in rows.batches(mean, rows.dtype):
        matrix += batch.T @ batch
    return rows.sum(matrix)


def _iterated(vectors: Tensor, mean: Tensor, rows: Rows) -> tuple[Tensor, Tensor]:
    """Eigenvalues and eigenvectors of X'X by one pass, from `vectors` (D, L)."""
    dtype = rows.dtype if rows.dtype == torch.float64 else choose_precision("auto", rows.device)
    narrow, product = vectors.to(dtype), torch.zeros_like(vectors)
    for batch in rows.batches(mean, dtype):
        projected = batch @ narrow
        strips = zip(torch.split(batch, STRIP, dim=1), torch.split(product, STRIP), strict=True)
        for strip, part in strips:
            part += strip.T @ projected  # while it is in the cache
    return _nystrom(narrow.to(rows.dtype), rows.sum(product), torch.finfo(dtype).eps)


def _leading(rows: Array, mean: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The `count` largest squared singular values of rows - mean and right vectors (D, count).

    Without rows, zeros of these shapes.
    """
    if not len(rows):
        zeros = torch.zeros(count, dtype=torch.float64, device=mean.device)
        return zeros, mean.new_zeros((len(mean), count))
    X = mean.new_empty(rows.shape)
    centre(rows, mean, out=X)
    gram = torch.zeros((len(X), len(X)), dtype=torch.float64, device=X.device)
    for strip in torch.split(X, STRIP, dim=1):
        gram += strip @ strip.T
    values, left = _eigh(gram)
    # Not a division by the singular values: they are 0 where pictures repeat or K = N.
    vectors, _ = torch.linalg.qr(X.T @ left[:, :count].to(X.dtype))
    return values[:count].clone(), vectors


def _nystrom(Q: Tensor, Y: Tensor, precision: float) -> tuple[Tensor, Tensor]:
    """Eigenvalues (L,) and eigenvectors (D, L) of Y (Q'Y)^-1 Y', where Y = AQ and A is positive.

    precision: of the products that gave Y. As in the algorithm, A is shifted by their error, whose
    norm in Q'Y grows as the root of L / D, and no direction that A hardly has is divided by it.
    """
    error = precision * (Q.shape[1] / Q.shape[0]) ** 0.5
    shift = error * float(torch.linalg.vector_norm(Y, dim=0).max())
    Y.add_(Q, alpha=shift)
    basis, R = torch.linalg.qr(Y)
    values, left = _eigh((Q.T @ Y).double())
    least = max(shift / 2, torch.finfo(values.dtype).tiny)
    root = R.double() @ (left / values.clamp(min=least).sqrt())
    rotation, deviations, _ = torch.linalg.svd(root)
    return (deviations.square() - shift).clamp(min=0), basis @ rotation.to(Q.dtype)


def _eigh(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues, descending and not negative, and eigenvectors of a nearly symmetric matrix."""
    values, vectors = torch.linalg.eigh((matrix + matrix.T) / 2)
    return values.flip(0).clamp(min=0), vectors.flip(1)

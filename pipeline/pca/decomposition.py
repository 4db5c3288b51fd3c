"""Principal component analysis of rows that need not fit in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pipeline.compute.devices import choose_device, choose_precision
from pipeline.compute.distributed import World
from pipeline.pca.rows import Array, Blocks, Rows, Survey, centre, slices, tensor

ALONE = World()
OVERSAMPLES = 128  # directions iterated beyond the components
PASSES = 2  # of the subspace iteration
FEW_ROWS = 1024  # up to here the Gram matrix of all rows
FEW_COLUMNS = 4096  # up to here the covariance matrix
STRIP = 8192  # columns of a product that is added to what is there
LANES = 64  # the subspace's width is a multiple, which matrix products like


@dataclass(frozen=True)
class Components:
    """Principal components of `samples` rows.

    mean: (D,); components: (K, D), the largest entry of each positive; explained_variance and
    explained_variance_ratio: (K,). All float32, or float64 for rows of float64.
    """

    mean: Array
    components: Array
    explained_variance: Array
    explained_variance_ratio: Array
    samples: int

    @property
    def scale(self) -> Array:
        """(K,) the deviation of each component, as scikit-learn bounds it from below."""
        deviation: Array = np.sqrt(self.explained_variance)
        return np.maximum(deviation, np.finfo(deviation.dtype).eps)

    def project(self, X: Array, *, whiten: bool) -> Array:
        """(N, D) -> (N, K); whiten: in units of `scale`, so that each has variance 1."""
        components, mean = tensor(self.components), tensor(self.mean)
        projected = np.empty((len(X), len(self.components)), self.components.dtype)
        for block, place in zip(slices(X), slices(projected), strict=True):
            place[:] = ((tensor(block).to(mean.dtype) - mean) @ components.T).numpy()
        return projected / self.scale if whiten else projected


def fit_components(
    blocks: Blocks,
    n_components: int,
    *,
    sample: int | None = None,
    n_oversamples: int = OVERSAMPLES,
    n_passes: int = PASSES,
    device: str = "auto",
    seed: int = 0,
    world: World = ALONE,
) -> Components:
    """The components of the rows of all processes of `world`, which call this together.

    blocks: gives this process's rows, (n, D) arrays of one dtype, possibly none, and the same at
    each call; memory is O(D), whatever N. sample: fit on so many rows, drawn at random; None: all.
    device: where to multiply; "auto" is cuda where there is one. seed: of everything drawn.

    N <= FEW_ROWS: exact, by the Gram matrix XX' (N, N) of the centred rows (Bishop, Pattern
    Recognition and Machine Learning, eq. 12.30). Otherwise D <= FEW_COLUMNS: exact, by the scatter
    X'X (D, D). Otherwise block subspace iteration (Halko, Martinsson and Tropp, arXiv 0909.4061,
    algorithm 4.4): one pass for the mean and FEW_ROWS rows drawn at random, whose singular vectors
    are the start; then `n_passes`, each ended by a Nyström approximation (Tropp et al., arXiv
    1706.05736, algorithm 3), in bfloat16 where the hardware multiplies it; the variances are then
    approximated from below. float16 is computed in float32.

    Errors: ValueError when n_components exceeds min(N, D), when a value is not finite, when blocks
    differ in width or dtype.
    """
    if n_passes < 1 or n_oversamples < 0:
        raise ValueError(
            f"n_passes={n_passes} must be at least 1, n_oversamples={n_oversamples} at least 0"
        )
    chosen = choose_device(device, local_rank=world.local_rank)
    rows = Rows(blocks, world, chosen)
    if sample is not None:
        drawn = Survey(rows, keep=sample, seed=seed).drawn()
        rows = Rows(lambda: slices(drawn), world, chosen)
    lanes = -(-max(n_components + n_oversamples, 1) // LANES) * LANES
    width = min(lanes, rows.columns)
    few = max(FEW_ROWS, 2 * width)
    survey = Survey(rows, keep=few, seed=seed)
    count, mean, total = survey.count, survey.mean, survey.squares
    limit = min(count, rows.columns)
    if count < 2 or not 1 <= n_components <= limit:
        raise ValueError(
            f"n_components={n_components} must be between 1 and min(n_samples, n_features)"
            f"={limit}, and n_samples={count} at least 2"
        )
    if count > few and rows.columns <= FEW_COLUMNS:
        values, vectors = _eigh(_scatter(rows, mean))
    else:
        values, vectors = _start(rows, survey, few=few, width=width, n_components=n_components)
    if count > few and rows.columns > FEW_COLUMNS:
        del survey
        for _ in range(n_passes):
            values, vectors = _iterated(vectors, mean, rows)
    components, squares = _components(rows, values[:n_components], vectors[:, :n_components])
    return Components(
        mean=mean.cpu().numpy(),
        components=components,
        explained_variance=(squares / (count - 1)).astype(components.dtype),
        explained_variance_ratio=(squares / (total or 1)).astype(components.dtype),
        samples=count,
    )


def _start(
    rows: Rows, survey: Survey, *, few: int, width: int, n_components: int
) -> tuple[Tensor, Tensor]:
    """Eigenvalues and eigenvectors of the rows drawn: all there are, or where to begin."""
    drawn = survey.drawn()
    if survey.count <= few:
        values, vectors = _leading(drawn, survey.mean, n_components)
    else:
        step = max(1, len(drawn) // (2 * width))  # so that all processes' rows are in it
        values, vectors = _leading(drawn[::step], survey.mean, width)
    rows.broadcast(values)
    rows.broadcast(vectors)
    return values, vectors


def _components(rows: Rows, values: Tensor, vectors: Tensor) -> tuple[Array, Array]:
    """(K, D) orthonormal rows of determined sign, and (K,) their eigenvalues."""
    nearly = vectors.T.double()  # in float32, long columns leave errors of 1e-5
    gram = nearly @ nearly.T
    components = (1.5 * nearly - 0.5 * gram @ nearly).to(rows.dtype).cpu().contiguous().numpy()
    squares = values.clamp(min=0).cpu().numpy()
    rows.world.broadcast(components)  # other processors may have rounded otherwise
    rows.world.broadcast(squares)
    largest = np.abs(components).argmax(1)
    signs = np.sign(components[np.arange(len(components)), largest])
    return components * np.where(signs == 0, 1, signs)[:, None].astype(components.dtype), squares


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

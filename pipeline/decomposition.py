"""Principal component analysis of rows that need not fit in memory."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np
import safetensors.numpy
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from pipeline.distributed import World
from pipeline.errors import UserError
from pipeline.tables import replacing

Array = NDArray[np.floating[Any]]
Blocks = Callable[[], Iterable[Array]]

DTYPES = [np.float64, np.float32, np.float16]
ALONE = World()
ROWS = 512  # rows in a matrix product
CHUNK = 8  # rows converted at a time, so that what is between two steps stays in the cache
FEW_ROWS = 1024  # up to here the Gram matrix of all rows
FEW_COLUMNS = 4096  # up to here the covariance matrix
STRIP = 8192  # columns of a Gram matrix's product
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
        return self.fit_stream(lambda: _slices(X))

    def fit_stream(self, blocks: Blocks, *, world: World = ALONE) -> Self:
        """Fit on the rows of all processes of `world`, which call this together.

        blocks: gives this process's rows, (n, D) arrays of one dtype, possibly none, and the same
        at each call. Errors: ValueError when n_components exceeds min(N, D), when a value is not
        finite, when blocks differ in width or dtype.
        """
        rows = _Rows(blocks, world, self._device(world))
        if self.sample is not None:
            survey = _Survey(rows, keep=self.sample, seed=self.random_state)
            drawn = survey.drawn()
            rows = _Rows(lambda: _slices(drawn), world, rows.device)
        self._decompose(rows)
        return self

    def _device(self, world: World) -> torch.device:
        if self.device == "auto" and torch.cuda.is_available():
            return torch.device("cuda", world.local_rank)
        return torch.device("cpu" if self.device == "auto" else self.device)

    def _decompose(self, rows: _Rows) -> None:
        lanes = -(-max(self.n_components + self.n_oversamples, 1) // LANES) * LANES
        width = min(lanes, rows.columns)
        few = max(FEW_ROWS, 2 * width)
        survey = _Survey(rows, keep=few, seed=self.random_state)
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
        self, rows: _Rows, count: int, mean: Tensor, total: float, values: Tensor, vectors: Tensor
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
        components, mean = _tensor(self.components_), _tensor(self.mean_)
        projected = np.empty((len(X), self.n_components_), self.components_.dtype)
        for start in range(0, len(X), ROWS):
            block = _tensor(X[start : start + ROWS]).to(mean.dtype) - mean
            projected[start : start + ROWS] = (block @ components.T).numpy()
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


class _Rows:
    """The rows of all processes, of one width and dtype: this process's in batches, sums over all.

    columns: D; stored: their dtype; dtype: that of the computation.
    """

    def __init__(self, blocks: Blocks, world: World, device: torch.device) -> None:
        self._blocks, self.world, self.device = blocks, world, device
        first = next(iter(blocks()), None)
        kinds = np.zeros((world.size, 2), np.int64)
        if first is not None:
            kinds[world.rank] = first.shape[1], np.dtype(first.dtype).itemsize
        world.sum(kinds)
        kinds = np.unique(kinds[kinds[:, 0] > 0], axis=0)
        if len(kinds) != 1:
            found = " and ".join(_kind(int(c), np.dtype(f"f{s}")) for c, s in kinds) or "no rows"
            raise ValueError(f"PCA wants rows of one width and dtype from all processes: {found}")
        self.columns = int(kinds[0, 0])
        self.stored = np.dtype(f"f{kinds[0, 1]}")
        self.dtype = torch.float64 if self.stored == np.float64 else torch.float32

    def blocks(self) -> Iterator[Array]:
        """This process's rows as they come."""
        for block in self._blocks():
            if block.shape[1] != self.columns or block.dtype != self.stored:
                raise ValueError(
                    f"a block has {_kind(block.shape[1], block.dtype)}, those before "
                    f"{_kind(self.columns, self.stored)}"
                )
            yield block

    def batches(self, mean: Tensor, dtype: torch.dtype) -> Iterator[Tensor]:
        """The same about `mean`, ROWS at a time whatever the blocks, in a buffer used again."""
        buffer = torch.empty((ROWS, self.columns), dtype=dtype, device=self.device)
        held = 0
        for block in self.blocks():
            rest = _tensor(block)
            while len(rest):
                part = rest[: min(CHUNK, ROWS - held)]
                rest = rest[len(part) :]
                buffer[held : held + len(part)] = part.to(self.device).to(self.dtype) - mean
                held = (held + len(part)) % ROWS
                if held == 0:
                    yield buffer
        if held:
            yield buffer[:held]

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum of all processes' tensors, of one shape."""
        array = tensor.cpu().contiguous().numpy()
        self.world.sum(array)
        return torch.from_numpy(array).to(self.device)

    def broadcast(self, tensor: Tensor) -> None:
        """Replace `tensor`, of one shape everywhere, by rank 0's."""
        if self.world.size > 1:
            array = tensor.cpu().contiguous().numpy()
            self.world.broadcast(array)
            tensor.copy_(torch.from_numpy(array))


class _Survey:
    """What one pass over all processes' rows tells of them.

    count: N; mean: (D,); squares: the sum of their squared distances from it, float64. `keep` rows
    are kept, each set of so many as likely: every row gets a random key, the smallest are kept.
    """

    def __init__(self, rows: _Rows, *, keep: int, seed: int) -> None:
        self._rows, self._keep = rows, keep
        self._keys = np.empty(0)
        self._kept = np.empty((keep, rows.columns), rows.stored)  # memory only where it is written
        rng = np.random.default_rng([seed, rows.world.rank])
        sums = torch.zeros(rows.columns, dtype=torch.float64)
        count, squares = 0, 0.0
        shift: Tensor | None = None  # near the mean, so that no digits are lost
        for block in rows.blocks():
            part = torch.zeros(rows.columns, dtype=rows.dtype)
            for start in range(0, len(block), CHUNK):
                batch = _tensor(block[start : start + CHUNK]).to(rows.dtype, copy=True)
                shift = batch.mean(0) if shift is None else shift
                batch -= shift
                squares += float(torch.linalg.vector_norm(batch, dim=1).double().square().sum())
                part += batch.sum(0)
            if not np.isfinite(squares):
                raise ValueError("PCA wants finite values: the rows contain NaN or infinity")
            sums += part
            count += len(block)
            self._draw(block, rng.random(len(block)))
        self._merge(count, sums, squares, torch.zeros(1) if shift is None else shift)

    def _draw(self, block: Array, keys: NDArray[np.float64]) -> None:
        """Take the rows of the smallest keys, each in the place of the largest kept or anew."""
        held = len(self._keys)
        first = min(self._keep - held, len(block))
        self._kept[held : held + first] = block[:first]
        self._keys = np.concatenate([self._keys, keys[:first]])
        for i in range(first, len(block)):
            place = self._keys.argmax()
            if keys[i] < self._keys[place]:
                self._kept[place], self._keys[place] = block[i], keys[i]

    def _merge(self, count: int, sums: Tensor, squares: float, shift: Tensor) -> None:
        own = sums / max(count, 1)  # of the shifted rows
        every = self._rows.sum(torch.cat([count * (own + shift), own.new_tensor([count])])).cpu()
        self.count = int(every[-1])
        mean = every[:-1] / every[-1]
        away = mean - shift
        squares += count * float((own - away).square().sum() - own.square().sum())
        self.squares = float(self._rows.sum(own.new_tensor([squares])))
        self.mean = mean.to(self._rows.dtype).to(self._rows.device)

    def drawn(self) -> Array:
        """The rows kept, (n, D) as stored, in rank 0; in other processes (0, D)."""
        world = self._rows.world
        every = np.zeros((world.size, self._keep))
        every[world.rank] = 1.0  # more than any key
        every[world.rank, : len(self._keys)] = self._keys
        world.sum(every)
        bound = np.sort(every, axis=None)[self._keep - 1]
        drawn = world.gather(self._kept[: len(self._keys)][self._keys <= bound])
        return drawn if world.rank == 0 else drawn[:0]


def _scatter(rows: _Rows, mean: Tensor) -> Tensor:
    """X'X (D, D) float64 of the centred rows of all processes."""
    matrix = torch.zeros((rows.columns, rows.columns), dtype=torch.float64, device=rows.device)
    for batch in rows.batches(mean, rows.dtype):
        matrix += batch.T @ batch
    return rows.sum(matrix)


def _iterated(vectors: Tensor, mean: Tensor, rows: _Rows) -> tuple[Tensor, Tensor]:
    """Eigenvalues and eigenvectors of X'X by one pass, from `vectors` (D, L)."""
    dtype = torch.bfloat16 if _multiplies_bfloat16(rows) else rows.dtype
    narrow = vectors.to(dtype)
    product, part = torch.zeros_like(vectors), torch.empty_like(narrow)
    for batch in rows.batches(mean, dtype):
        product += torch.mm(batch.T, batch @ narrow, out=part)
    return _nystrom(narrow.to(rows.dtype), rows.sum(product), torch.finfo(dtype).eps)


def _multiplies_bfloat16(rows: _Rows) -> bool:
    """Whether the hardware does, and the rows are not float64."""
    able = torch.cpu.get_capabilities()
    hardware = rows.device.type == "cuda" or able.get("avx512_bf16") or able.get("amx_bf16")
    return bool(hardware) and rows.dtype == torch.float32


def _leading(rows: Array, mean: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The `count` largest squared singular values of rows - mean and right vectors (D, count).

    Without rows, zeros of these shapes.
    """
    if not len(rows):
        zeros = torch.zeros(count, dtype=torch.float64, device=mean.device)
        return zeros, mean.new_zeros((len(mean), count))
    X = mean.new_empty(rows.shape)
    for start in range(0, len(rows), CHUNK):
        part = _tensor(rows[start : start + CHUNK])
        X[start : start + CHUNK] = part.to(mean.device).to(mean.dtype) - mean
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


def _slices(X: Array) -> Iterator[Array]:
    return (X[start : start + ROWS] for start in range(0, len(X), ROWS))


def _tensor(array: Array) -> Tensor:
    """Without a copy; `torch.from_numpy` would warn of arrays that cannot be written."""
    tensor: Tensor = torch.utils.dlpack.from_dlpack(np.ascontiguousarray(array))
    return tensor


def _kind(columns: int, dtype: Any) -> str:
    return f"{columns} columns of {np.dtype(dtype)}"


def components_digest(pca: StreamingPCA | None, **extraction: str) -> str:
    """Which components these are: 16 hex digits of a SHA-256 over the PCA and its features."""
    digest = hashlib.sha256(json.dumps(extraction, sort_keys=True).encode())
    if pca is not None:
        scaled = pca.components_ / pca._scale()[:, None] if pca.whiten else pca.components_
        digest.update(pca.mean_.tobytes() + np.ascontiguousarray(scaled).tobytes())
    return digest.hexdigest()[:16]


def save_pca(path: Path, pca: StreamingPCA | None, **provenance: Any) -> None:
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
    stored: dict[str, Any] = {"components": "none"}
    if pca is not None:
        stored = {"components": pca.n_components_, "whiten": pca.whiten, "samples": pca.n_samples_}
    stored |= provenance
    with replacing(path.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(stored, indent=2, ensure_ascii=False) + "\n", "utf-8")


def load_pca(path: Path) -> tuple[StreamingPCA | None, dict[str, Any]]:
    """The PCA that `save_pca` wrote and its provenance. Errors: `UserError`."""
    try:
        stored = json.loads(path.with_suffix(".json").read_text("utf-8"))
        tensors = safetensors.numpy.load_file(path)
        components = stored.pop("components")
        if components == "none":
            return None, stored
        pca = StreamingPCA(components, whiten=stored.pop("whiten"))
        pca.n_samples_ = stored.pop("samples")
        pca.mean_, pca.components_ = tensors["mean"], tensors["components"]
        pca.explained_variance_ = tensors["explained_variance"]
        pca.explained_variance_ratio_ = tensors["explained_variance_ratio"]
        pca.n_components_, pca.n_features_in_ = components, len(pca.mean_)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise UserError(f"{path} cannot be loaded ({error}): run `dvc repro`") from None
    return pca, stored

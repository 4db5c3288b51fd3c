"""The rows of a matrix that several processes hold, and what passes over them tell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.compute.distributed import World

Array = NDArray[np.floating[Any]]
Blocks = Callable[[], Iterable[Array]]

BATCH = 512  # rows in a matrix product
CHUNK = 8  # rows converted at a time, so that what is between two steps stays in the cache


class Rows:
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
        """The same about `mean`, BATCH at a time whatever the blocks, in a buffer used again."""
        buffer = torch.empty((BATCH, self.columns), dtype=dtype, device=self.device)
        held = 0
        for rest in self.blocks():
            while len(rest):
                part, rest = rest[: BATCH - held], rest[BATCH - held :]
                centre(part, mean, out=buffer[held : held + len(part)])
                held = (held + len(part)) % BATCH
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


class Survey:
    """What one pass over all processes' rows tells of them.

    count: N; mean: (D,); squares: the sum of their squared distances from it, float64. `keep` rows
    are kept, each set of so many as likely: every row gets a random key, the smallest are kept.
    """

    def __init__(self, rows: Rows, *, keep: int, seed: int) -> None:
        self._rows, self._keep = rows, keep
        self._keys = np.empty(0)
        self._kept = np.empty((keep, rows.columns), rows.stored)  # memory only where it is written
        rng = np.random.default_rng([seed, rows.world.rank])
        sums = torch.zeros(rows.columns, dtype=torch.float64)
        count, squares = 0, 0.0
        shift: Tensor | None = None  # near the mean, so that no digits are lost
        for block in rows.blocks():
            part = torch.zeros(rows.columns, dtype=rows.dtype)
            for chunk in slices(block, CHUNK):
                batch = tensor(chunk).to(rows.dtype, copy=True)
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
        kept, chosen = self._kept[: len(self._keys)], self._keys <= bound
        drawn = world.gather(kept if chosen.all() else kept[chosen])
        return drawn if world.rank == 0 else drawn[:0]


def centre(rows: Array, mean: Tensor, *, out: Tensor) -> None:
    """out = rows - mean, computed in the mean's dtype and on its device."""
    size = CHUNK if mean.device.type == "cpu" else BATCH
    scratch = mean.new_empty((size, len(mean)))
    for chunk, place in zip(slices(rows, size), torch.split(out, size), strict=True):
        place.copy_(scratch[: len(chunk)].copy_(tensor(chunk)).sub_(mean))


def slices(X: Array, size: int = BATCH) -> Iterator[Array]:
    """X (N, D), `size` rows at a time."""
    return (X[start : start + size] for start in range(0, len(X), size))


def tensor(array: Array) -> Tensor:
    """Without a copy; `torch.from_numpy` would warn of arrays that cannot be written."""
    tensor: Tensor = torch.utils.dlpack.from_dlpack(np.ascontiguousarray(array))
    return tensor


def _kind(columns: int, dtype: Any) -> str:
    return f"{columns} columns of {np.dtype(dtype)}"

"""A batch in parts, each through a copy of the network in a thread of its own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from threading import Barrier, BrokenBarrierError
from types import TracebackType
from typing import Any, Self

import numpy as np

from pipeline.nn.layers import Array
from pipeline.nn.losses import Loss
from pipeline.nn.network import Network
from pipeline.nn.normalization import BatchNorm


class Replicas:
    """`count` copies of `network` that share its parameters and buffers and work at once.

    NumPy lets other threads run while it computes. Sums over the replicas are taken in their order,
    so that results do not depend on which thread is first; with another `count` they are those of
    another order. Batch normalisation sees the whole batch. Use as a context manager.
    """

    def __init__(self, network: Network, count: int) -> None:
        self.networks = [network.replica() for _ in range(count)]
        self._barrier = Barrier(count)
        total = OrderedSum(self._barrier)
        for index, replica in enumerate(self.networks):
            for layer in replica.layers:
                if isinstance(layer, BatchNorm):
                    layer.total = partial(total, index)
                    layer.counts = index == 0
        self._pool = ThreadPoolExecutor(count)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown()

    @property
    def grads(self) -> Array:
        return self.networks[0].grads

    @property
    def weight_grads(self) -> list[Array]:
        return self.networks[0].weight_grads

    def gradients(self, x: Array, targets: Array, loss: Loss) -> Array:
        """As `Network.gradients`."""
        count = len(self.networks)
        parts = zip(np.array_split(x, count), np.array_split(targets, count), strict=True)
        futures = [
            self._pool.submit(self._part, index, *part, loss, len(x), np.geterr())
            for index, part in enumerate(parts)
        ]
        wait(futures)
        # Where one fails the others find the barrier broken: what it failed of is the cause.
        if errors := [error for future in futures if (error := future.exception())]:
            raise next((e for e in errors if not isinstance(e, BrokenBarrierError)), errors[0])
        return np.concatenate([future.result() for future in futures])

    def _part(
        self, index: int, x: Array, targets: Array, loss: Loss, batch: int, settings: Any
    ) -> Array:
        try:
            with np.errstate(**settings):  # which a thread has anew
                logits = self.networks[index].gradients(x, targets, loss, batch=batch)
                self._barrier.wait()
                # All gradients are there: each thread adds up those of some parameters.
                first, *others = (
                    np.array_split(replica.grads, len(self.networks))[index]
                    for replica in self.networks
                )
                for grads in others:
                    first += grads
        except BaseException:
            self._barrier.abort()  # the others get an error instead of waiting for ever
            raise
        return logits


class OrderedSum:
    """Adds up the arrays of all threads of a barrier: each calls with its index, gets the sum."""

    def __init__(self, barrier: Barrier) -> None:
        self._barrier = barrier
        self._arrays: dict[int, Array] = {}

    def __call__(self, index: int, array: Array) -> Array:
        self._arrays[index] = array
        self._barrier.wait()
        total: Array = np.sum([self._arrays[i] for i in range(self._barrier.parties)], axis=0)
        self._barrier.wait()  # before anyone comes with the next array
        return total

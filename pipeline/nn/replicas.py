"""A batch in parts, each through a copy of the network in a process of its own."""

from __future__ import annotations

import math
import mmap
import multiprocessing
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise, repeat
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike

from pipeline.nn.layers import Array
from pipeline.nn.losses import Loss
from pipeline.nn.network import Network
from pipeline.nn.normalization import BatchNorm


class Replicas:
    """`count` copies of `network` that share its parameters and buffers and work at once.

    The first works in this process, the others in forked ones: threads would wait for each other,
    as NumPy's calls are short and only one thread at a time runs what is between them. Sums over
    the replicas are taken in their order, so that results do not depend on which is first; with
    another `count` they are those of another order. Batch normalisation sees the whole batch.

    The parameters of `network` move into memory that the processes share. These begin with the
    first batch; no later one may be larger. Use as a context manager.
    """

    def __init__(self, network: Network, count: int) -> None:
        params = shared_zeros(network.params.shape, network.params.dtype)
        params[...] = network.params
        network.use_params(params)
        self._grads = shared_zeros((count, *params.shape), params.dtype)
        self.networks = [network.replica() for _ in range(count)]
        for replica, grads in zip(self.networks, self._grads, strict=True):
            replica.use_grads(grads)
        for layer in batch_norms(self.networks[0]):
            layer.total = self._total
        self._children: list[tuple[BaseProcess, Connection]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for _, connection in self._children:
            connection.close()  # which ends the process
        for process, _ in self._children:
            process.join()

    @property
    def grads(self) -> Array:
        return self.networks[0].grads

    @property
    def weight_grads(self) -> list[Array]:
        return self.networks[0].weight_grads

    def gradients(self, x: Array, targets: Array, loss: Loss) -> Array:
        """As `Network.gradients`. `MemoryError` when a process is killed."""
        if not self._children:
            self._begin(x, targets)
        self._x[: len(x)], self._targets[: len(x)] = x, targets
        first, *others = parts(len(x), len(self.networks))
        self._tell((part, len(x), loss) for part in others)
        logits = [self._part(0, first, len(x), loss), *self._answers()]
        self._tell(repeat(None))  # all gradients are there: each adds up some of them
        self._add(0)
        list(self._answers())
        return np.concatenate(logits)

    def _begin(self, x: Array, targets: Array) -> None:
        self._x = shared_zeros(x.shape, x.dtype)
        self._targets = shared_zeros(targets.shape, targets.dtype)
        fork = multiprocessing.get_context("fork")
        for index in range(1, len(self.networks)):
            ours, theirs = fork.Pipe()
            process = fork.Process(target=self._work, args=(index, ours, theirs), daemon=True)
            process.start()
            theirs.close()
            self._children.append((process, ours))

    def _work(self, index: int, ours: Connection, theirs: Connection) -> None:
        """What a child does until its connection is closed."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent tidies up
        for connection in (ours, *(connection for _, connection in self._children)):
            connection.close()

        def total(array: Array) -> Array:
            theirs.send(array)
            answer: Array = theirs.recv()
            return answer

        for layer in batch_norms(self.networks[index]):
            layer.total, layer.counts = total, False
        try:
            while True:
                task = theirs.recv()
                answer = None
                if task is None:
                    self._add(index)
                else:
                    answer = self._part(index, *task)
                theirs.send(answer)
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return
        except BaseException as error:
            theirs.send(error)

    def _part(self, index: int, part: slice, batch: int, loss: Loss) -> Array:
        x, targets = self._x[part], self._targets[part]
        return self.networks[index].gradients(x, targets, loss, batch=batch)

    def _add(self, index: int) -> None:
        part = parts(self._grads.shape[1], len(self.networks))[index]
        first, *others = self._grads[:, part]
        for grads in others:
            first += grads

    def _tell(self, messages: Iterable[Any]) -> None:
        """Send each child one."""
        for (_, connection), message in zip(self._children, messages, strict=False):
            with _alive():
                connection.send(message)

    def _answers(self) -> Iterator[Any]:
        """What each child has sent, in their order."""
        for _, connection in self._children:
            with _alive():
                answer = connection.recv()
            if isinstance(answer, BaseException):
                raise answer
            yield answer

    def _total(self, array: Array) -> Array:
        total: Array = np.sum([array, *self._answers()], axis=0)
        self._tell(repeat(total))
        return total


@contextmanager
def _alive() -> Iterator[None]:
    try:
        yield
    except (EOFError, BrokenPipeError, ConnectionResetError):
        raise MemoryError("a process was killed while it trained") from None


def batch_norms(network: Network) -> list[BatchNorm]:
    return [layer for layer in network.layers if isinstance(layer, BatchNorm)]


def parts(length: int, count: int) -> list[slice]:
    """Ranges, equal to within one, that make up `length`."""
    bounds = [length * i // count for i in range(count + 1)]
    return [slice(start, stop) for start, stop in pairwise(bounds)]


def shared_zeros(shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    """An array that stays one and the same in forked processes."""
    size = math.prod(shape)
    memory = mmap.mmap(-1, max(1, size * np.dtype(dtype).itemsize))
    return np.frombuffer(memory, dtype, size).reshape(shape)

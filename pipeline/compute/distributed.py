"""This process among those that a launcher started: its share of the work, sums over all."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray

from pipeline.core.errors import UserError

T = TypeVar("T")


@dataclass(frozen=True)
class World:
    """Rank `rank` of `size` processes, `local_size` of them on this machine; alone by default.

    The collectives (`sum`, `broadcast`, `broadcast_text`, `gather`, `barrier`) want the block of
    `connected` around them; in a world of one they do nothing.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1

    @classmethod
    def from_env(cls) -> World:
        """As torchrun says in the environment."""
        names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
        return cls(*(int(os.environ.get(n, d)) for n, d in zip(names, (0, 1, 0, 1), strict=True)))

    @classmethod
    def parse(cls, text: str) -> World:
        """From "i/n": the i-th (from 0) of n. Errors: `UserError`."""
        match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
        if match is None or int(match[1]) >= int(match[2]):
            raise UserError(f"--shard is {text!r}: give i/n with i from 0 to n - 1, such as 0/4")
        return cls(rank=int(match[1]), size=int(match[2]))

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """The items that are this process's: every `size`-th; no item is anyone else's too."""
        return items[self.rank :: self.size]

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Connect all processes (over the address that torchrun gave) for the block.

        Arrays go by gloo, what lies on GPUs by NCCL.

        Errors: `UserError` when another process ends before them.
        """
        if self.size == 1:
            yield
            return
        backends = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        dist.init_process_group(backends, rank=self.rank, world_size=self.size)
        try:
            yield
        except RuntimeError as error:
            if "Connection" not in str(error) and "closed" not in str(error):
                raise
            raise UserError(
                "another process has ended, see its own error: mend that, then run it again"
            ) from None
        finally:
            dist.destroy_process_group()

    def sum(self, array: NDArray[Any]) -> None:
        """Replace `array` (contiguous, of one shape everywhere) by its sum over all processes."""
        if self.size > 1:
            dist.all_reduce(torch.from_numpy(array))

    def broadcast(self, array: NDArray[Any]) -> None:
        """Replace `array` (contiguous, of one shape everywhere) by rank 0's."""
        if self.size > 1:
            dist.broadcast(torch.from_numpy(array), src=0)

    def broadcast_text(self, text: str) -> str:
        """Rank 0's `text`."""
        sent = [text]
        if self.size > 1:
            dist.broadcast_object_list(sent, src=0)
        return sent[0]

    def gather(self, rows: NDArray[Any]) -> NDArray[Any]:
        """All processes' rows, (N_rank, D) each of one dtype, in rank 0; elsewhere `rows` alone."""
        if self.size == 1:
            return rows
        if self.rank > 0:
            dist.send(torch.tensor(rows.shape), dst=0)
            dist.send(_bytes(rows), dst=0)
            return rows
        parts = [rows]
        for rank in range(1, self.size):
            shape = torch.empty(2, dtype=torch.int64)
            dist.recv(shape, src=rank)
            part = np.empty(tuple(shape.tolist()), rows.dtype)
            dist.recv(_bytes(part), src=rank)
            parts.append(part)
        return np.concatenate(parts)

    def barrier(self) -> None:
        """Wait until every process is here."""
        if self.size > 1:
            dist.barrier()


def _bytes(rows: NDArray[Any]) -> torch.Tensor:
    return torch.from_numpy(rows.reshape(-1).view(np.uint8))

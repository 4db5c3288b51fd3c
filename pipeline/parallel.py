"""A map in threads that keeps the order and holds few items."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def cores() -> int:
    """Processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def ordered_map(
    function: Callable[[T], R],
    items: Iterable[T],
    *,
    pool: ThreadPoolExecutor | None = None,
    ahead: int = 8,
) -> Iterator[R]:
    """`map(function, items)` in a pool, at most `ahead` items before the reader.

    An error, of an item or of the function, comes after the results before it.

    pool: by default one thread per core. Shut down at the end.
    """
    with pool or ThreadPoolExecutor(cores()) as pool:
        waiting: deque[Future[R]] = deque()
        remaining, failure = iter(items), None
        try:
            while True:
                try:
                    waiting.append(pool.submit(function, next(remaining)))
                except StopIteration:
                    break
                except Exception as error:  # after what came before it
                    failure = error
                    break
                if len(waiting) >= ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
            if failure is not None:
                raise failure
        finally:
            for future in waiting:
                future.cancel()

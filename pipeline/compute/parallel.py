"""Maps in threads and processes that keep the order."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits

FORKS = "fork" in multiprocessing.get_all_start_methods()
PIECE = 2**18  # bytes

T = TypeVar("T")
R = TypeVar("R")


def cores() -> int:
    """Processor cores this process may use; one in a child of `forked_map`."""
    if not _alone:
        return 1
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


def pieces(items: Iterable[T], *, size: Callable[[T], int]) -> Iterator[list[T]]:
    """Lists of as few items as have PIECE bytes together; the last may have less.

    Threads that get small items one at a time mostly wait for each other.
    """
    piece: list[T] = []
    held = 0
    for item in items:
        piece.append(item)
        held += size(item)
        if held >= PIECE:
            yield piece
            piece, held = [], 0
    if piece:
        yield piece


def forked_map(function: Callable[[T], R], items: Sequence[T], *, processes: int) -> Iterator[R]:
    """`map(function, items)`, so many at once, each in a process of its own with one thread.

    What `function` refers to is shared, not copied; only results are sent. Where processes cannot
    be forked, and for a single item or process, this is `map`. Errors are those of `function`, and
    `MemoryError` when a process is killed.
    """
    if min(len(items), processes) < 2 or not FORKS:
        yield from map(function, items)
        return
    global _function
    _function = function
    fork = multiprocessing.get_context("fork")
    pool = ProcessPoolExecutor(min(len(items), processes), fork, _start)
    try:
        yield from pool.map(_call, items)
    except BrokenProcessPool:
        raise MemoryError("a process was killed while it trained") from None
    except BaseException:  # nobody waits for the others
        for process in list(pool._processes.values()):
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        _function = None


_function: Callable[[Any], Any] | None = None  # found by the children, for it cannot be sent
_alone = True  # False in a child


def _start() -> None:
    global _alone
    _alone = False
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # end at once: the parent tidies up
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    threadpool_limits(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A child that waits for work would not notice when its parent is killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _call(item: Any) -> Any:
    assert _function is not None
    return _function(item)

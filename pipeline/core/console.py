"""What is printed: counts in words, progress."""

from __future__ import annotations

import codecs
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")
LOG_SECONDS = 5.0  # between two lines of progress where there is no terminal


def counted(number: int, noun: str) -> str:
    """`1 picture`, `2 pictures`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def on_one_line(text: str) -> str:
    """`text` with what is not printed, such as ends of lines, escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def takes_all_letters() -> bool:
    """Whether standard output can show every letter."""
    return codecs.lookup(sys.stdout.encoding).name.startswith("utf")


def progress(
    items: Iterable[T],
    *,
    what: str,
    total: int | None = None,
    size: Callable[[T], int] = lambda _: 1,
) -> Iterator[T]:
    """Pass `items` through: a bar on a terminal, a plain line every few seconds elsewhere.

    total: the sum of all `size(item)`, where known.
    """
    if sys.stderr.isatty():
        with tqdm(desc=what, total=total, leave=False, dynamic_ncols=True) as bar:
            for item in items:
                yield item
                bar.update(size(item))
        return
    last, done = time.monotonic(), 0
    for item in items:
        yield item
        done += size(item)
        if time.monotonic() - last >= LOG_SECONDS:
            last = time.monotonic()
            print(f"{what}: {done}" + (f" of {total}" if total else ""), flush=True)

"""What every command shares: arguments in, progress out, a user's mistake as one line."""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import NoReturn, TypeVar

from tqdm import tqdm

from pipeline.errors import UserError

T = TypeVar("T")

# Errors of the system that the user can mend: no space, quota, limit, no permission, read-only.
MENDABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS)
LOG_SECONDS = 5.0  # between two lines of progress where there is no terminal


def run(main: Callable[[], None]) -> None:
    """Call `main`; a `UserError` becomes one line on stderr and exit status 2.

    An interrupt, a polite kill or a closed terminal ends it after its temporary files are removed,
    with the status that shells expect of them.
    """
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):  # Windows has no SIGHUP
            signal.signal(getattr(signal, name), lambda number, _: sys.exit(128 + number))
    try:
        main()
    except UserError as error:
        fail(str(error))
    except MemoryError as error:
        fail(f"not enough memory: lower what is large in params.yaml. {error}")
    except KeyboardInterrupt:
        print("interrupted: run it again", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)
    except BrokenPipeError:  # the reader of our output has gone, as in `… | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        if error.errno not in MENDABLE:
            raise
        fail(f"{error}: make room or give permission, then run it again")


def fail(message: str) -> NoReturn:
    """Print `message`, one line, on stderr and exit with status 2."""
    print(f"error: {message}", file=sys.stderr)
    sys.exit(2)


def counted(number: int, noun: str) -> str:
    """`1 picture`, `2 pictures`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


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

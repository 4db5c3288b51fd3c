"""What commands share: a user's mistake as one line, signals, exit status."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

from pipeline.core.console import on_one_line
from pipeline.core.errors import UserError

# Errors of the system that the user can mend, and how.
ROOM, PERMISSION = "make room", "give permission"
SHORTER, OTHER = "give a shorter path", "give another path"
ADVICE = {
    errno.ENOSPC: ROOM,
    errno.EDQUOT: ROOM,
    errno.EFBIG: "make room for larger files (ulimit -f)",
    errno.EACCES: PERMISSION,
    errno.EPERM: PERMISSION,
    errno.EROFS: PERMISSION,
    errno.ENAMETOOLONG: SHORTER,
    errno.ELOOP: OTHER,
    errno.ENOTDIR: OTHER,
    errno.EISDIR: OTHER,
    errno.EMFILE: "allow more open files (ulimit -n)",
    errno.ENFILE: "close other programs",
    errno.EAGAIN: "close other programs, or allow more processes (ulimit -u)",
    errno.ENOMEM: "close other programs",
    errno.EIO: "look at the disk",
}


def run(main: Callable[[], None]) -> None:
    """Call `main`; a `UserError` becomes one line on stderr and exit status 2.

    Letters that standard output has none of, as on a console of Windows, are escaped.
    An interrupt, a polite kill or a closed terminal ends it after its temporary files are removed,
    with the status that shells expect of them.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):  # as it always is but for tests
        sys.stdout.reconfigure(errors="backslashreplace")
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
        if error.errno not in ADVICE:
            raise
        fail(f"{error}: {ADVICE[error.errno]}, then run it again")


def fail(message: str) -> NoReturn:
    """Print `message`, one line, on stderr and exit with status 2."""
    print(f"error: {on_one_line(message)}", file=sys.stderr)
    sys.exit(2)

"""A reader called with one file after another, and what came out."""

import random
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

from pipeline.compute.pictures import PictureError
from pipeline.core.errors import UserError

from .formats import FORMATS, NAME
from .mutations import mutate

MOST_SECONDS = 10
MOST_BYTES = 2**30  # of memory beyond what the process had taken before


@dataclass
class Tally:
    """What came of the files of one kind; seconds: of all, slowest: of one."""

    kind: str
    tries: int = 0
    accepted: int = 0
    refused: int = 0
    findings: int = 0
    seconds: float = 0.0
    slowest: float = 0.0


class _TooLongError(BaseException):
    """No reader catches it."""


def fuzz(kind: str, seed: int, keep: Path, *, tries: int = sys.maxsize, seconds: float) -> Tally:
    """Call the readers of a kind with so many files, or for so long.

    A file that leads to anything but a value or a refusal of one line stays in `keep`, the
    traceback beside it; so does the file that ends the whole process.
    """
    tally, start = Tally(kind), time.monotonic()
    form = FORMATS[kind]
    with TemporaryDirectory() as folder:
        valid = form.valid(Path(folder))
    contents = [content for _, content in valid]
    keep.mkdir(parents=True, exist_ok=True)
    while tally.tries < tries and time.monotonic() - start < seconds:
        rng = random.Random(f"{kind} {seed} {tally.tries}")
        ending, content = rng.choice(valid)
        content = mutate(content, contents, rng)
        if rng.random() < 0.5:
            content = form.sealed(content)
        kept = keep / f"{kind}-{seed}-{tally.tries}{ending}"
        kept.write_bytes(content)
        with TemporaryDirectory() as folder:
            path = Path(folder, f"{NAME}{ending}")
            path.write_bytes(content)
            if finding := attempt(kind, path, tally):
                kept.with_name(f"{kept.name}.txt").write_text(finding, "utf-8", "backslashreplace")
            else:
                kept.unlink()
    tally.seconds = time.monotonic() - start
    return tally


def attempt(kind: str, path: Path, tally: Tally) -> str:
    """Call the readers with a file -> what should not have happened, empty if all is well.

    The file is accepted where one of them takes it.
    """
    tally.tries += 1
    outcomes = [_call(reader, path, tally) for reader in FORMATS[kind].readers]
    if findings := [outcome for outcome in outcomes if isinstance(outcome, str)]:
        tally.findings += 1
        return "\n".join(findings)
    tally.accepted += any(outcomes)
    tally.refused += not any(outcomes)
    return ""


def _call(reader: Callable[[Path], object], path: Path, tally: Tally) -> bool | str:
    """Whether a reader takes a file, or what should not have happened."""
    memory, start = _memory(), time.monotonic()
    taken = True
    try:
        with _at_most(MOST_SECONDS):
            reader(path)
    except (UserError, PictureError) as error:
        taken = False
        if len(str(error).splitlines()) != 1:
            return f"a message that is not one line: {str(error)!r}"
    except (Exception, _TooLongError):
        return traceback.format_exc()
    took, more = time.monotonic() - start, _memory() - memory
    tally.slowest = max(tally.slowest, took)
    if took > MOST_SECONDS or more > MOST_BYTES:
        return f"{reader} took {took:.1f} s and {more / 2**20:.0f} MiB of memory"
    return taken


def _memory() -> int:
    """Bytes that the process took at most so far."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Errors: `_TooLongError` in the block after so long, unless C code holds it."""

    def late(number: int, frame: FrameType | None) -> None:
        raise _TooLongError(f"more than {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

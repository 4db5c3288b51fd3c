"""What in `ingest.input` DVC cannot watch, or not with what the pictures' sources see."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.core.errors import UserError
from pipeline.ingest.sources.tree import is_utf_8, shown, text

WAYS_OUT = {  # kind of entry -> what to do about it
    "names that are no UTF-8": (
        "such folders cannot be told apart, and DVC ends at them: rename them, as `convmv -f "
        "latin1 -t utf8 -r --notest {folder}` does"
    ),
    "links to folders": (
        "DVC does not see what changes there: put the folder itself there (moved, or by `mount "
        "--bind`), or give it as ingest.input, which may be a link"
    ),
    "links to nothing": "DVC ends at it: remove or mend it",
    "pipes, sockets or devices": "DVC would wait for it: remove it",
}


def check_watched(folder: Path) -> None:
    """Look at all names below `folder` that are not hidden; `folder` itself may be a link.

    Errors: `UserError` for names that are no UTF-8, links to folders or to nothing, what is neither
    file nor folder, a folder that may not be read.
    """
    if not folder.is_dir():
        return
    found: dict[str, list[str]] = {}
    for kind, path in _strange(folder):
        found.setdefault(kind, []).append(path)
    for kind, way_out in WAYS_OUT.items():
        if paths := sorted(found.get(kind, ())):
            raise UserError(
                f"{folder} holds {kind}: {_first(paths)}: {way_out.format(folder=folder)}"
            )


def _strange(folder: Path) -> Iterator[tuple[str, str]]:
    """Kind and path of each entry that is neither a folder nor a file with a name in UTF-8."""
    waiting = [os.fspath(folder)]
    while waiting:
        try:
            entries = list(os.scandir(waiting.pop()))
        except OSError as error:
            raise UserError(f"{error.filename} cannot be read: {error.strerror}") from None
        for entry in entries:
            if not shown(entry.name):
                continue
            path = text(os.path.relpath(entry.path, folder))
            if not is_utf_8(entry.name):
                yield "names that are no UTF-8", path
            elif entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)
            elif not entry.is_file(follow_symlinks=False) and (kind := _kind(entry)):
                yield kind, path


def _kind(entry: os.DirEntry[str]) -> str | None:
    """Of what is neither folder nor file; None for a link to a file."""
    try:
        mode = entry.stat().st_mode
    except OSError:  # it leads to nothing, or to itself
        return "links to nothing"
    if stat.S_ISDIR(mode):
        return "links to folders"
    return None if stat.S_ISREG(mode) else "pipes, sockets or devices"


def _first(paths: Sequence[str]) -> str:
    listed = ", ".join(f"'{path}'" for path in paths[:3])
    return listed + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")

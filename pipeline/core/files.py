"""Files that are written whole or not at all, and read with errors a user understands."""

from __future__ import annotations

import errno
import json
import os
import platform
import re
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.core.checksums import checksum, file_checksum
from pipeline.core.errors import UserError

HOST = re.sub(r"[^A-Za-z0-9-]", "-", platform.node())[:64]
OWN_NAME = re.compile(r"\..+\.(?P<process>\d{1,9})@(?P<host>[A-Za-z0-9-]*)\.(tmp|old)")
DAY = 24 * 60 * 60  # seconds
CHECKSUM = re.compile(rb'"checksum": "([0-9a-f]{32})"\s*\}\s*\Z')


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its name when the block ends without an error.

    A folder that is there gives way only when the new one is complete. The temporary path is this
    process's own: of several that write `path` at once, the last gives what stays.
    """
    temporary, old = _own_name(path, "tmp"), _own_name(path, "old")
    _remove(temporary)
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(path.parent.absolute())
    try:
        yield temporary
        if temporary.is_dir():
            _replace_folder(temporary, path, old)
        else:
            temporary.replace(path)
    finally:
        _remove(old)
        _remove(temporary)


def _own_name(path: Path, ending: str) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}@{HOST}.{ending}")


def _replace_folder(temporary: Path, path: Path, old: Path) -> None:
    """`temporary` becomes `path`; on any error what was there stays, or what another has put."""
    done = False
    try:
        while not done:
            with suppress(FileNotFoundError):
                path.rename(old)
            try:
                temporary.rename(path)
                done = True
            except OSError as error:  # another process has put its own there in between
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
                _remove(old)
    finally:
        if not done:
            with suppress(OSError):
                old.rename(path)


def in_writing(path: Path) -> bool:
    """Whether it is a temporary path of `replacing`, of a process that still runs.

    Of another machine that is not known: there it is one that was changed within a day.
    """
    found = OWN_NAME.fullmatch(path.name)
    if found is None:
        return False
    if found["host"] == HOST:
        return _runs(int(found["process"]))
    with suppress(FileNotFoundError):
        return time.time() - path.stat().st_mtime < DAY
    return False


def _runs(process: int) -> bool:
    if sys.platform == "win32":  # where nothing that is open can be removed
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is another user's
        return True
    return True


@cache
def _remove_abandoned(folder: Path) -> None:
    """At the first time that this process writes there."""
    for path in folder.glob(".*@*"):
        if OWN_NAME.fullmatch(path.name) and not in_writing(path):
            with suppress(OSError):  # another process removes it too
                _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Reading `path` in this block: what goes wrong is a `UserError` that names it."""
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run `dvc repro` to make it") from None
    except PermissionError:
        raise
    except (ValueError, KeyError, OSError, RecursionError) as error:
        # Arrow's and JSON's are ValueErrors, but for values that lie too deep in each other.
        raise UserError(f"{path} is damaged ({error}): delete it and run `dvc repro`") from None


def write_text(path: Path, text: str) -> None:
    """Write `text`, UTF-8, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, "utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """What `write_checked_json` wrote. Errors: `UserError` when it is missing or damaged."""
    with readable(path):
        data = path.read_bytes()
        if (found := CHECKSUM.search(data)) is None:
            raise ValueError("it does not end with its checksum")
        if checksum(data[: found.start(1)], data[found.end(1) :]) != found[1].decode():
            raise ValueError("it is not as it was written")
        values: dict[str, Any] = json.loads(data)
        del values["checksum"]
        return values


def write_checked_json(path: Path, values: Mapping[str, Any], *, indent: int | None = 2) -> None:
    """Write `values` with a last key, `checksum`: of the file's bytes but its own digits."""
    text = json.dumps({**values, "checksum": ""}, indent=indent, ensure_ascii=False)
    start, end = text[: text.rindex('"')], text[text.rindex('"') :] + "\n"
    write_text(path, start + checksum(start.encode(), end.encode()) + end)


def write_json(path: Path, value: Any) -> None:
    """Write `value` whole or not at all."""
    write_text(path, f"{json.dumps(value, indent=2, ensure_ascii=False)}\n")


def write_checksums(path: Path, files: Iterable[Path]) -> None:
    """Write the checksums of files that have no room for their own, by name from path's folder."""
    write_checked_json(
        path, {file.relative_to(path.parent).as_posix(): file_checksum(file) for file in files}
    )


def visible_files(folder: Path) -> list[Path]:
    """All below `folder` that is no folder, sorted; what begins with "." is left out."""
    found: list[Path] = []
    for top, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(top, name) for name in files if not name.startswith(".")]
    return sorted(found)

"""Bytes that wait on disk until it is known in which order they are wanted."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import TracebackType


class Spool:
    """A scratch file of values known by their keys; memory holds only where they are.

    It is in `folder` and has no name there: however this process ends, nothing of it is left. It is
    to be used in a `with` block.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._places: dict[str, tuple[int, int]] = {}  # key -> offset and length
        self._end = 0

    def __enter__(self) -> Spool:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._file = tempfile.TemporaryFile(dir=self._folder)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def put(self, key: str, value: bytes) -> None:
        """Append a value. All are put before the first is taken."""
        self._file.write(value)
        self._places[key] = (self._end, len(value))
        self._end += len(value)

    def get(self, key: str) -> bytes:
        """The value of `key`."""
        offset, length = self._places[key]
        self._file.seek(offset)
        return self._file.read(length)

"""A tree of files, so that a source need not know whether they lie on disk or in an archive."""

from __future__ import annotations

import os
import posixpath
import stat
import tarfile
import unicodedata
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO

from pipeline.ingest.sources.picture import Fault, Picture

# What reading a file may raise: it is gone, not permitted, or damaged within its archive.
UNREADABLE = (
    OSError, EOFError, ValueError, OverflowError, NotImplementedError,
    zlib.error, zipfile.BadZipFile, tarfile.TarError,
)  # fmt: skip


# What systems and programs leave beside pictures, in lower case; what begins with "." is another.
LEFT_BEHIND = (
    "@eadir", "@recycle", "@recently-snapshot", "@synoresource", "#recycle", "#snapshot",  # storage
    "lost+found", "$recycle.bin", "recycler", "system volume information",
    "thumbs.db", "ehthumbs.db", "desktop.ini", "zbthumbnail.info", "picasa.ini",
    "network trash folder", "temporary items", "icon\r",
)  # fmt: skip
LEFT_BEHIND_AS = ("__macosx", "synophoto_thumb", "synoindex_")  # how others begin

MAX_FILE = 2**29  # bytes of one that is read whole: of a picture, or of a part of its sample


class UnreadableError(Exception):
    """A file that is not read; the message is the reason, a few words."""


class Tree(ABC):
    """Files known by paths relative to the root, "/" between parts; "." is the root.

    Names are as they are stored. What is not `shown` is not visible: `ignored` has what a look
    into folders came upon, paths of files and of whole folders.
    """

    def __init__(self) -> None:
        self.ignored: set[str] = set()

    def spoken(self) -> Iterator[str]:
        """What the summary says of the ignored."""
        names = Counter(
            "hidden" if (name := posixpath.basename(path)).startswith(".") else text(name)
            for path in self.ignored
        )
        if names:
            listed = ", ".join(f"{count} {name}" for name, count in sorted(names.items()))
            yield f"{names.total()} files and folders that are no pictures ignored ({listed})"

    def _shown(self, folder: str, names: Iterable[str]) -> list[str]:
        """Those of the names in a folder that are visible, sorted."""
        found = sorted(names)
        visible = [name for name in found if shown(name)]
        if len(visible) < len(found):
            self.ignored |= {posixpath.join(folder, name) for name in found if not shown(name)}
        return visible

    @abstractmethod
    def where(self, path: str) -> str:
        """`path` as a message names it."""

    @abstractmethod
    def is_file(self, path: str) -> bool: ...

    @abstractmethod
    def is_folder(self, path: str) -> bool: ...

    @abstractmethod
    def folders(self, path: str) -> list[str]:
        """The names of the visible folders in the folder `path`, sorted."""

    @abstractmethod
    def files(self, path: str) -> list[str]:
        """The paths of the visible files below the folder `path`, sorted part by part."""

    @abstractmethod
    def open(self, path: str) -> IO[bytes]:
        """The file `path`, to be read and to be closed. Errors: those in UNREADABLE."""

    @abstractmethod
    def size(self, path: str) -> int:
        """Bytes of the file `path`. Errors: `OSError`, also for what is no plain file."""

    def read(self, path: str) -> bytes:
        """The bytes of a plain file, at most MAX_FILE. Errors: `UnreadableError`."""
        try:
            size = self.size(path)
            if size > MAX_FILE:
                raise UnreadableError(f"{size} bytes, more than {MAX_FILE}")
            with self.open(path) as file:
                return file.read(size)
        except UNREADABLE as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise UnreadableError(f"cannot be read: {reason}") from None

    def fill(self, picture: Picture, path: str) -> Picture:
        """`picture` with the bytes of a file, or with why there are none."""
        try:
            return replace(picture, data=self.read(path))
        except UnreadableError as error:
            return replace(picture, fault=Fault("unreadable", str(error)))


class FolderTree(Tree):
    """A folder on disk."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root = root

    def where(self, path: str) -> str:
        return str(self.root / path)

    def is_file(self, path: str) -> bool:
        try:
            return (self.root / path).is_file()
        except OSError:  # a name that is too long
            return False

    def is_folder(self, path: str) -> bool:
        return (self.root / path).is_dir()

    def folders(self, path: str) -> list[str]:
        below = (p.name for p in (self.root / path).iterdir() if p.is_dir())
        return self._shown(posixpath.normpath(path), below)

    def files(self, path: str) -> list[str]:
        found: list[list[str]] = []
        for top, folders, files in os.walk(self.root / path):
            folder = Path(top).relative_to(self.root)
            folders[:] = self._shown(folder.as_posix(), folders)
            found += [[*folder.parts, name] for name in self._shown(folder.as_posix(), files)]
        return ["/".join(parts) for parts in sorted(found)]

    def open(self, path: str) -> IO[bytes]:
        return (self.root / path).open("rb")

    def size(self, path: str) -> int:
        status = (self.root / path).stat()
        if not stat.S_ISREG(status.st_mode):
            raise OSError("it is no plain file")
        return status.st_size


def shown(name: str) -> bool:
    """Whether a file or folder of this name is visible."""
    lower = name.lower()
    return not (lower.startswith((".", *LEFT_BEHIND_AS)) or lower in LEFT_BEHIND)


def text(name: str) -> str:
    """A file name that can be written as UTF-8: bytes that are none become `\\xNN`."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def is_utf_8(name: str) -> bool:
    """Whether a file name stands for text, whatever the encoding of this system."""
    try:
        os.fsencode(name).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def last(path: str) -> str:
    """The last part of `path`, as it is shown and compared."""
    return one_form(text(path.rpartition("/")[2]))


def one_form(name: str) -> str:
    """A name in one Unicode form: archives made on macOS have another."""
    return unicodedata.normalize("NFC", name)

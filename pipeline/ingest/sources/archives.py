"""Zip and tar archives as trees of files, read where they are.

An archive comes from elsewhere, so nothing in it is trusted. It is refused, in one line, when

* an entry is absolute or leaves the archive's root ("/etc/passwd", "../x", "C:/x");
* an entry is a link, a device, a pipe, a sparse or an encrypted file;
* it holds more than MAX_ENTRIES entries, an entry of more than MAX_ENTRY bytes, or more than
  MAX_TOTAL bytes in all;
* two files in it have one name;
* it says it unpacks to more than MAX_RATIO times its own size, beyond the first MODEST bytes.

No file is written under a name that an archive gives. A compressed tar can be read only from its
beginning, so it is decompressed once, within the same limits, into a temporary file without a name.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import stat
import tarfile
import tempfile
import zipfile
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import IO, Any

from pipeline.core.errors import UserError
from pipeline.ingest.sources.tree import UNREADABLE, FolderTree, Tree, shown, text

MAX_ENTRIES = 1_000_000
MAX_ENTRY = 2**30  # bytes, unpacked
MAX_TOTAL = 256 * 2**30
MAX_LETTERS, MAX_DEPTH = 4096, 64  # of a path: more than systems take, and than people make
MAX_LETTERS_OF_FOLDERS = 100_000_000
MAX_RATIO = 100  # of photographs about 1, of tables about 10
MODEST = 64 * 2**20  # bytes: so much may come of any archive, whatever the ratio

SHOWN = 100  # letters of a path

COMPRESSED: dict[bytes, Callable[..., Any]] = {  # by how a file begins
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}


@dataclass(frozen=True)
class Entry:
    """One entry as an archive describes it. kind: "file", "folder", or what is refused."""

    name: str
    size: int  # bytes, unpacked
    kind: str
    member: Any  # what opens it


class ArchiveTree(Tree):
    """The files of an archive. Errors: `UserError` for what the module refuses."""

    def __init__(
        self, path: Path, entries: Iterable[Entry], opener: Callable[[Any], IO[bytes]]
    ) -> None:
        super().__init__()
        self.path, self._opener = path, opener
        self._members: dict[str, Entry] = {}
        self._folders: dict[str, set[str]] = {".": set()}  # path -> names of the folders in it
        self._letters = 0  # of the paths of all folders
        for entry in _within_limits(path, entries):
            parts = _parts(path, entry)
            self._add_folders(parts if entry.kind == "folder" else parts[:-1])
            if entry.kind == "file":
                name = "/".join(parts)
                if name in self._members:
                    raise UserError(
                        f"{path} holds {text(name)!r} twice: which one counts is not known; pack "
                        "it again with one of them"
                    )
                self._members[name] = entry
        self._sorted = sorted(name.split("/") for name in self._members)

    def _add_folders(self, folders: list[str]) -> None:
        if "/".join(folders) in self._folders:
            return
        for i, name in enumerate(folders):
            self._folders["/".join(folders[:i]) or "."].add(name)
            folder = "/".join(folders[: i + 1])
            if folder not in self._folders:
                self._folders[folder] = set()
                self._letters += len(folder)
        if self._letters > MAX_LETTERS_OF_FOLDERS:
            raise UserError(
                f"{self.path} holds folders whose paths have more than {MAX_LETTERS_OF_FOLDERS} "
                "letters together: divide it, or pack it again with shorter paths"
            )

    def where(self, path: str) -> str:
        return str(self.path / path)

    def is_file(self, path: str) -> bool:
        return _plain(path) in self._members

    def is_folder(self, path: str) -> bool:
        return _plain(path) in self._folders

    def folders(self, path: str) -> list[str]:
        return self._shown(_plain(path), self._folders[_plain(path)])

    def files(self, path: str) -> list[str]:
        top = [] if _plain(path) == "." else _plain(path).split("/")
        depth = len(top)
        start = bisect_left(self._sorted, top, key=lambda parts: parts[:depth])
        stop = bisect_right(self._sorted, top, key=lambda parts: parts[:depth])
        visible = []
        for parts in self._sorted[start:stop]:
            hidden = next((i for i in range(depth, len(parts)) if not shown(parts[i])), None)
            if hidden is None:
                visible.append("/".join(parts))
            else:
                self.ignored.add("/".join(parts[: hidden + 1]))
        return visible

    def open(self, path: str) -> IO[bytes]:
        return self._opener(self._members[_plain(path)].member)

    def size(self, path: str) -> int:
        return self._members[_plain(path)].size


@contextmanager
def open_tree(root: Path, archive: str | None) -> Iterator[Tree]:
    """The folder `root`, or the files of an archive in it.

    Errors: `UserError` for an archive that is not there, is none, is damaged, or is refused.
    """
    if archive is None:
        yield FolderTree(root)
        return
    path = root / archive
    if not path.is_file():
        raise UserError(f"{path} is missing: the source names an archive in ingest.input")
    with path.open("rb") as file:
        start = file.read(6)
    reader = _zip if start.startswith(b"PK") else _tar
    with reader(path) as tree:
        yield tree


@contextmanager
def _zip(path: Path) -> Iterator[Tree]:
    with _damage(path):
        archive = zipfile.ZipFile(path)
    with archive:
        entries = (Entry(_zip_name(i), i.file_size, _zip_kind(i), i) for i in archive.infolist())
        yield ArchiveTree(path, entries, archive.open)


@contextmanager
def _tar(path: Path) -> Iterator[Tree]:
    with _uncompressed(path) as file:
        with _damage(path):
            archive = tarfile.open(fileobj=file, mode="r:")  # noqa: SIM115
        with archive:
            yield ArchiveTree(path, _tar_entries(path, archive, file), archive.extractfile)  # type: ignore[arg-type]


def _tar_entries(path: Path, archive: tarfile.TarFile, file: IO[bytes]) -> Iterator[Entry]:
    with _damage(path):
        for member in archive:
            yield Entry(member.name, member.size, _tar_kind(member), member)
        file.seek(archive.offset)  # tarfile stops at a damaged header as if it were the end
        if any(file.read(tarfile.BLOCKSIZE)):
            raise tarfile.ReadError("an entry's header is damaged")


@contextmanager
def _uncompressed(path: Path) -> Iterator[IO[bytes]]:
    with path.open("rb") as file:
        start = file.read(6)
        opener = next((o for magic, o in COMPRESSED.items() if start.startswith(magic)), None)
        file.seek(0)
        if opener is None:
            yield file
            return
    limit = _limit(path)
    with tempfile.TemporaryFile() as whole:
        with _damage(path), opener(path) as packed:
            while chunk := packed.read(2**20):
                whole.write(chunk)
                _check_total(path, whole.tell(), limit)
        whole.seek(0)
        yield whole


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    try:
        yield
    except (*UNREADABLE, lzma.LZMAError) as error:
        if isinstance(error, OSError) and error.errno:  # of the system, not of the archive
            raise
        raise UserError(
            f"{path} cannot be read as an archive ({error}): zip, tar, tar.gz, tar.bz2 and tar.xz "
            "can; is it whole?"
        ) from None


# ---------------------------------------------------------------- what is refused


def _within_limits(path: Path, entries: Iterable[Entry]) -> Iterator[Entry]:
    total, limit = 0, _limit(path)
    for count, entry in enumerate(entries, start=1):
        total += entry.size
        if count > MAX_ENTRIES:
            raise UserError(f"{path} holds more than {MAX_ENTRIES} entries: divide it")
        if entry.size > MAX_ENTRY:
            raise UserError(
                f"{path} holds {_shown(entry)} of {entry.size} bytes, more than {MAX_ENTRY}: "
                "it is refused as a bomb; leave the entry out"
            )
        _check_total(path, total, limit)
        yield entry


def _limit(path: Path) -> int:
    """Bytes that the archive may unpack to."""
    return min(MAX_TOTAL, max(MODEST, MAX_RATIO * path.stat().st_size))


def _check_total(path: Path, total: int, limit: int) -> None:
    if total > limit:
        raise UserError(
            f"{path} unpacks to more than {limit} bytes, which is more than {MAX_RATIO} times its "
            f"size or {MAX_TOTAL} bytes: it is refused as a bomb; divide it or unpack it yourself"
        )


def _parts(path: Path, entry: Entry) -> list[str]:
    if len(entry.name) > MAX_LETTERS or entry.name.count("/") > MAX_DEPTH:
        raise UserError(
            f"{path} holds {_shown(entry)}, a path of more than {MAX_LETTERS} letters or "
            f"{MAX_DEPTH} folders: it is refused; pack the pictures again with shorter paths"
        )
    parts = [part for part in entry.name.split("/") if part not in ("", ".")]
    absolute = entry.name.startswith("/") or PureWindowsPath(entry.name).is_absolute()
    if absolute or ".." in parts or (entry.kind == "file" and not parts):
        raise UserError(
            f"{path} holds {_shown(entry)}, which leaves the archive: it is refused; pack the "
            "pictures again with paths below one folder"
        )
    if entry.kind not in ("file", "folder"):
        raise UserError(
            f"{path} holds {_shown(entry)}, which is {entry.kind}: it is refused; pack plain files "
            "(tar has --dereference and --hard-dereference)"
        )
    return parts


def _shown(entry: Entry) -> str:
    return repr(text(entry.name[:SHOWN]))


def _plain(path: str) -> str:
    return os.path.normpath(path)


def _zip_name(info: zipfile.ZipInfo) -> str:
    """Some programs write UTF-8 without saying so, and some "\\" for "/"."""
    name = info.filename
    if not info.flag_bits & 0x800:
        with suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/")


def _zip_kind(info: zipfile.ZipInfo) -> str:
    mode = stat.S_IFMT(info.external_attr >> 16)
    if mode not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "a link or a device"
    if info.flag_bits & 1:
        return "encrypted"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "compressed in an uncommon way"
    return "folder" if _zip_name(info).endswith("/") else "file"


def _tar_kind(member: tarfile.TarInfo) -> str:
    if member.isdir():
        return "folder"
    if member.issparse():
        return "a sparse file"
    return "file" if member.isreg() else "a link or a device"

"""Source `folder`: one sub-folder per class, or per artist with a table of their labels."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import UserError
from pipeline.params import FolderSource
from pipeline.sources.labels import read_labels
from pipeline.sources.picture import Picture

# Folders above the classes that prescribe the split.
SPLITS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}


def folder_pictures(params: FolderSource, root: Path) -> Iterator[Picture]:
    """Every file below the class folders of `root / params.root`, in the order of their names.

    Files beside the class folders and names that begin with "." are no pictures of the set. With
    `params.labels` the folder is the artist and the table gives the labels.

    Errors: `UserError` for a missing or empty folder, or a folder that the table does not know.
    """
    top = root / params.root
    folders = list(_class_folders(root, top))
    names = sorted({_name(folder) for folder, _ in folders})
    labels = (
        {name: (name,) for name in names}
        if params.labels is None
        else read_labels(params.labels, root, names)
    )
    filled = {_name(folder) for folder, _ in folders if any(visible_files(folder))}
    if empty := sorted(set(names) - filled):
        raise UserError(f"{top} has no pictures of {empty[0]!r}: add some or remove the folder")
    for folder, split in folders:
        for path in visible_files(folder):
            yield Picture(
                data=_read(path),
                path=_text(path.relative_to(root).as_posix()),
                labels=labels[_name(folder)],
                artist=_artist(params, _name(folder), _name(path)),
                split=split,
            )


def _class_folders(root: Path, top: Path) -> Iterator[tuple[Path, str | None]]:
    if not top.is_dir():
        raise UserError(f"{top} is not a folder: ingest.input and source.root name the pictures'")
    folders = _folders(top)
    if not folders:
        raise UserError(f"{top} holds no folders: put each class's pictures in a folder of its own")
    named = [folder for folder in folders if folder.name.lower() in SPLITS]
    parts = [part for part in named if named == folders or _folders(part)]  # "train" may be a class
    if not parts:
        if len(folders) == 1 and _folders(folders[0]):
            raise UserError(
                f"{top} holds one folder, which holds folders: if these are the classes, set "
                f"source.root: {folders[0].relative_to(root)}"
            )
        yield from ((folder, None) for folder in folders)
        return
    if others := [folder.name for folder in folders if folder not in parts]:
        raise UserError(
            f"{top} holds {parts[0].name!r}, whose folders are classes, beside {others[0]!r}: put "
            "all classes below train, test and val, or none"
        )
    for part in parts:
        yield from ((folder, SPLITS[part.name.lower()]) for folder in _folders(part))


def _folders(top: Path) -> list[Path]:
    hidden = (".", "__MACOSX")  # the second is what macOS puts into archives
    return sorted(p for p in top.iterdir() if p.is_dir() and not p.name.startswith(hidden))


def visible_files(folder: Path) -> Iterator[Path]:
    """All below `folder` that is no folder, sorted; what begins with "." is left out."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not path.is_dir() and not hidden:
            yield path


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # a link to nowhere, no permission: rejected like an empty file
        return b""


def _name(path: Path) -> str:
    """The last part of `path` in one Unicode form: archives made on macOS have another."""
    return unicodedata.normalize("NFC", _text(path.name))


def _text(name: str) -> str:
    """A file name that can be written as UTF-8: what is none becomes U+FFFD."""
    return os.fsencode(name).decode("utf-8", "replace")


def _artist(params: FolderSource, folder: str, file: str) -> str | None:
    if params.artist is not None:
        match = re.search(params.artist, file)
        return match.group(1) if match else None
    return folder.replace("_", " ") if params.labels is not None else None

"""Source `folder`: one sub-folder per class, or per artist with a table of their labels."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from pipeline.core.errors import UserError
from pipeline.ingest.sources.archives import open_tree
from pipeline.ingest.sources.columns import SPLIT_NAMES
from pipeline.ingest.sources.labels import read_labels
from pipeline.ingest.sources.params import FolderSource
from pipeline.ingest.sources.picture import Picture
from pipeline.ingest.sources.tree import FolderTree, Tree, last, text


def folder_pictures(params: FolderSource, root: Path) -> Iterator[Picture]:
    """Every file below the class folders of `params.root`, in the order of their names.

    Files beside the class folders and names that begin with "." are no pictures of the set. With
    `params.labels` the folder is the artist and the table gives the labels.

    Errors: `UserError` for a missing or empty folder, a folder that the table does not know, or a
    pattern of artists that no name matches.
    """
    with open_tree(root, params.archive) as tree:
        folders = list(_class_folders(tree, params.root))
        names = sorted({last(folder) for folder, _ in folders})
        labels = (
            {name: (name,) for name in names}
            if params.labels is None
            else read_labels(params.labels, [tree, FolderTree(root)], names)
        )
        files = {folder: tree.files(folder) for folder, _ in folders}
        _check(params, tree, files)
        for folder, split in folders:
            for path in files[folder]:
                yield Picture(
                    data=tree.read(path),
                    path=text(path),
                    labels=labels[last(folder)],
                    artist=_artist(params, last(folder), last(path)),
                    split=split,
                )


def _class_folders(tree: Tree, root: str) -> Iterator[tuple[str, str | None]]:
    top = tree.where(root)
    if not tree.is_folder(root):
        raise UserError(f"{top} is not a folder: ingest.input and source.root name the pictures'")
    folders = _folders(tree, root)
    if not folders:
        raise UserError(f"{top} holds no folders: put each class's pictures in a folder of its own")
    named = [folder for folder in folders if last(folder).lower() in SPLIT_NAMES]
    # "train" may be a class
    parts = [part for part in named if named == folders or _folders(tree, part)]
    if not parts:
        if len(folders) == 1 and _folders(tree, folders[0]):
            raise UserError(
                f"{top} holds one folder, which holds folders: if these are the classes, set "
                f"source.root: {folders[0]}"
            )
        yield from ((folder, None) for folder in folders)
        return
    if others := [last(folder) for folder in folders if folder not in parts]:
        raise UserError(
            f"{top} holds {last(parts[0])!r}, whose folders are classes, beside {others[0]!r}: put "
            "all classes below train, test and val, or none"
        )
    for part in parts:
        split = SPLIT_NAMES[last(part).lower()]
        yield from ((folder, split) for folder in _folders(tree, part))


def _folders(tree: Tree, top: str) -> list[str]:
    return [posixpath.normpath(posixpath.join(top, name)) for name in tree.folders(top)]


def _check(params: FolderSource, tree: Tree, files: dict[str, list[str]]) -> None:
    names = {last(folder) for folder in files}
    filled = {last(folder) for folder, paths in files.items() if paths}
    if empty := sorted(names - filled):
        raise UserError(
            f"{tree.where(params.root)} has no pictures of {empty[0]!r}: add some or remove the "
            "folder"
        )
    paths = [path for folder in files for path in files[folder]]
    if params.artist is not None and not any(_artist(params, "", last(path)) for path in paths):
        shown = f", such as {last(paths[0])!r}" if paths else ""
        raise UserError(
            f"source.artist {params.artist!r} matches no file name{shown}: mend it or leave it out"
        )


def _artist(params: FolderSource, folder: str, file: str) -> str | None:
    if params.artist is not None:
        match = re.search(params.artist, file)
        return match.group(1) if match else None
    return folder.replace("_", " ") if params.labels is not None else None

"""Source `folder`: one sub-folder per class, or per artist with a table of their labels."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline.core.errors import UserError
from pipeline.core.schema import Auto, OffOr
from pipeline.ingest.sources.archives import open_tree
from pipeline.ingest.sources.labels import read_labels
from pipeline.ingest.sources.params import FolderSource, SplitName
from pipeline.ingest.sources.parts import guessed, line, part_of, parts_of, spoken
from pipeline.ingest.sources.picture import Picture
from pipeline.ingest.sources.tree import FolderTree, Tree, is_utf_8, last, text


def folder_pictures(params: FolderSource, root: Path) -> Iterator[Picture | str]:
    """Every file below the class folders of `params.root`, in the order of their names.

    Files beside the class folders and what is not `shown` are no pictures of the set. With
    `params.labels` the folder is the artist and the table gives the labels.

    Errors: `UserError` for a missing or empty folder, a folder that the table does not know, or a
    pattern of artists that no name matches.
    """
    with open_tree(root, params.archive) as tree:
        folders, parts = _class_folders(tree, params.root, params.splits)
        yield from spoken(parts)
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
                picture = Picture(
                    data=b"",
                    path=text(path),
                    labels=labels[last(folder)],
                    artist=_artist(params, last(folder), last(path)),
                    split=split,
                )
                yield tree.fill(picture, path)
        yield from tree.spoken()


def _class_folders(
    tree: Tree, root: str, splits: Mapping[str, SplitName] | Auto | OffOr
) -> tuple[list[tuple[str, SplitName | None]], dict[str, SplitName]]:
    """Each class folder, with its part of the split; the parts by the names of their folders."""
    top = tree.where(root)
    if not tree.is_folder(root):
        raise UserError(f"{top} is not a folder: ingest.input and source.root name the pictures'")
    within = {folder: _folders(tree, folder) for folder in _folders(tree, root)}
    if not within:
        raise UserError(f"{top} holds no folders: put each class's pictures in a folder of its own")
    if strange := [text(f) for top in within for f in (top, *within[top]) if not is_utf_8(f)]:
        raise UserError(
            f"{top} holds folders whose names are no UTF-8, such as '{strange[0]}': rename them; "
            "what is in an archive, before it is packed"
        )
    if splits == "none" or (splits == "auto" and not _are_parts(within, top)):
        if splits == "auto":
            _check_classes(within, top)
        return [(folder, None) for folder in within], {}
    folders = {last(folder): folder for folder in within}
    parts = parts_of(folders, splits, where=top, what="folder")
    found: list[tuple[str, SplitName | None]] = []
    for name in folders:
        if name in parts:
            classes = _classes_of(tree, folders[name], within[folders[name]])
            if not classes:
                rest = {n: part for n, part in parts.items() if n != name} or {"FOLDER": "train"}
                raise UserError(
                    f"{tree.where(folders[name])} holds no folders, but it is a part of the split: "
                    f"make one for each class; or leave it out and {line(rest)}"
                )
            found += [(folder, parts[name]) for folder in classes]
    return found, parts


def _are_parts(within: Mapping[str, list[str]], top: str) -> bool:
    """Whether these folders, with those that they hold, are parts of a split and not classes.

    Errors: `UserError` where they may be either.
    """
    parts = {last(folder): part for folder in within if (part := part_of(last(folder)))}
    several = len(set(parts.values())) > 1 and 2 * len(parts) >= len(within)
    deep = any(folders for folder, folders in within.items() if last(folder) in parts)
    if not (deep or several or len(parts) == len(within)):
        return False  # a class may have such a name
    either = f"{line(parts)}; or, if they are classes, `source.splits: none`"
    if others := [last(folder) for folder in within if last(folder) not in parts]:
        raise UserError(
            f"{top} holds {next(iter(parts))!r}, a part of a split by its name, beside "
            f"{others[0]!r}, which is none: {either}"
        )
    if not deep:
        raise UserError(
            f"{top} holds {', '.join(map(repr, parts))}, parts of a split by their names, without "
            "folders of classes in them: make these, or have a table (kind: table) give the "
            "labels; or, if they are classes, `source.splits: none`"
        )
    return True


def _check_classes(within: Mapping[str, list[str]], top: str) -> None:
    """Errors: `UserError` for folders that are rather something else than classes."""
    first, *others = within
    names = [{last(inner) for inner in folders} for folders in within.values()]
    if not others and names[0]:
        raise UserError(
            f"{top} holds one folder, which holds folders: if these are the classes, set "
            f"source.root: {first}"
        )
    if all(names) and all(part_of(name) for name in set.union(*names)):
        raise UserError(
            f"{top} holds {last(first)!r}, which holds {min(names[0])!r}, a part of a split by its "
            "name: put the classes' folders below those of the parts; or, to have no split "
            "prescribed, `source.splits: none`"
        )
    if len(names[0]) > 1 and all(found == names[0] for found in names):
        example = line(guessed([last(folder) for folder in within]))
        raise UserError(
            f"{top} holds {last(first)!r} and {last(others[0])!r}, which hold the same folders, "
            f"{min(names[0])!r} and others: if they are parts of a split, {example}; if they are "
            "the classes, `source.splits: none`"
        )


def _classes_of(tree: Tree, part: str, folders: list[str]) -> list[str]:
    """The class folders of a part, which some sets have in a second folder of its name."""
    if len(folders) == 1 and last(folders[0]).lower() == last(part).lower():
        return _folders(tree, folders[0])
    return folders


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

"""Source `huggingface`: what the library `datasets` opens, from the hub or a local folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import constants

from pipeline.core.errors import UserError
from pipeline.ingest.sources.columns import Describer, check_columns, with_image
from pipeline.ingest.sources.params import HuggingFaceSource, SplitName
from pipeline.ingest.sources.parts import parts_of, spoken
from pipeline.ingest.sources.picture import Picture
from pipeline.ingest.sources.tree import FolderTree


def huggingface_pictures(params: HuggingFaceSource, root: Path) -> Iterator[Picture | str]:
    """The pictures of each split, in the set's order, their bytes as they are stored.

    A set of the hub is downloaded once, to the library's own cache; a local folder (Parquet, or
    pictures in folders, with metadata.csv or without) is read where it is.

    Errors: `UserError` for a set that cannot be had or read, a column that is not there, a row
    without a label, a split of a name that says nothing.
    """
    folder = root / params.root
    if params.name is None and not folder.is_dir():
        raise UserError(f"{folder} is not a folder: source.root names one, source.name a set")
    where = params.name or str(folder)
    if params.name is None:
        _check_left_behind(folder)
    try:
        opened, folders = _open(params, folder)
        splits = _splits(params, sorted(opened), where)
        yield from spoken({name: split for name, split in splits.items() if split is not None})
        describer = Describer(params)
        for name, split in sorted(splits.items()):
            yield from _pictures(params, describer, opened[name], name, split, folders)
        describer.check()
    except UserError:
        raise
    except Exception as error:  # datasets, its hub's client and Arrow have errors of their own
        raise UserError(
            f"{where} cannot be opened by datasets ({error}): a set of the hub needs the network "
            "once and its exact name, OWNER/NAME; without one, put its files into ingest.input"
        ) from None


def _check_left_behind(folder: Path) -> None:
    """`datasets` takes thumbnails and deleted pictures for pictures."""
    tree = FolderTree(folder)
    tree.files(".")
    for path in sorted(tree.ignored):
        if not path.rpartition("/")[2].startswith(".") and tree.is_folder(path):
            raise UserError(
                f"{folder / path} holds what a system left behind, which datasets would read: "
                "remove it, or read the pictures by kind: folder or table"
            )


def _open(params: HuggingFaceSource, folder: Path) -> tuple[Mapping[str, Any], list[Path]]:
    """split -> rows, with the columns that are wanted, and where files that they name may lie."""
    import datasets  # here, for it takes seconds: the other sources do without

    if params.name is None:
        opened = datasets.load_dataset(str(folder), params.config, streaming=True)
        folders = [folder]
    else:
        opened = datasets.load_dataset(params.name, params.config, revision=params.revision)
        folders = [Path(datasets.config.HF_DATASETS_CACHE), Path(constants.HF_HUB_CACHE)]
    where, there = params.name or str(folder), next(iter(opened.values())).features
    if there is None:
        raise UserError(f"{where} has no columns that datasets can tell: is it whole?")
    wanted = [name for name in (params.image, *params.labels, params.artist) if name]
    check_columns(wanted, list(there), where=where)
    encoded = datasets.Image(decode=False)
    parts = {
        name: part.select_columns(list(dict.fromkeys(wanted))).cast_column(params.image, encoded)
        for name, part in opened.items()
    }
    return parts, folders


def _splits(
    params: HuggingFaceSource, there: list[str], where: str
) -> Mapping[str, SplitName | None]:
    """The set's name of a split -> ours; a single one, which the library calls "train" where none
    is given, prescribes nothing.
    """
    if params.splits == "none" or (params.splits == "auto" and len(there) == 1):
        return dict.fromkeys(there)
    return parts_of(there, params.splits, where=where, what="split")


def _pictures(
    params: HuggingFaceSource,
    describer: Describer,
    part: Any,
    name: str,
    split: str | None,
    folders: list[Path],
) -> Iterator[Picture]:
    for i, row in enumerate(part):
        named = {column: _named(part.features[column], cell) for column, cell in row.items()}
        where = f"row {i + 1} of the split {name!r}"
        picture = describer.picture(named, path=f"{name}/{i:05}", where=where, split=split)
        if picture.fault:
            yield picture
        elif file := _file(row[params.image], folders):
            unread = with_image(picture, {"path": file.name})
            yield FolderTree(file.parent).fill(unread, file.name)
        else:
            yield with_image(picture, row[params.image])


def _file(cell: Any, folders: list[Path]) -> Path | None:
    """The file in `folders` that the cell of a picture names, where it does not hold the bytes."""
    if cell is None or cell["bytes"] is not None or cell["path"] is None:
        return None
    file = Path(os.path.normpath(cell["path"]))
    allowed = [form for folder in folders for form in (folder.absolute(), folder.resolve())]
    if not any(file.is_relative_to(folder) for folder in allowed):
        raise UserError(f"a row names {cell['path']!r}, which is no file of the set: it is refused")
    return file


def _named(feature: Any, cell: Any) -> Any:
    """The names of a ClassLabel's numbers; -1 is no label."""
    if hasattr(feature, "int2str"):
        return None if cell is None or cell < 0 else feature.int2str(cell)
    if isinstance(cell, list):
        return [_named(getattr(feature, "feature", None), item) for item in cell]
    return cell

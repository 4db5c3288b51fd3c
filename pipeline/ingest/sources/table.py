"""Source `table`: a row for each picture, with its path or its bytes and its labels."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from pipeline.core.console import counted
from pipeline.core.errors import UserError
from pipeline.ingest.sources.archives import open_tree
from pipeline.ingest.sources.columns import check_columns, describe, to_labels, with_image
from pipeline.ingest.sources.params import SplitName, TableSource
from pipeline.ingest.sources.parts import parts_of, spoken
from pipeline.ingest.sources.picture import Picture
from pipeline.ingest.sources.tabular import Row, Table, open_table
from pipeline.ingest.sources.tree import FolderTree, Tree, text


def table_pictures(params: TableSource, root: Path) -> Iterator[Picture | str]:
    """The pictures that the table lists: those with a path in the order of the paths, others as
    they stand. The table may lie in the archive or beside it.

    Errors: `UserError` for a column that is not there, a row without a label or with a strange
    split, paths that are not there or stand twice.
    """
    with (
        open_tree(root, params.archive) as tree,
        open_table(
            params.file, [tree, FolderTree(root)], key="source.file", encoding=params.encoding
        ) as table,
    ):
        if table.said:
            yield f"{table.where} read with {table.said}"
        wanted = [name for name in (*params.labels, params.artist, params.split) if name]
        check_columns([params.image, *wanted], table.columns, where=table.where)
        if params.image in table.binary:
            yield from _stored(params, table, wanted)
        else:
            yield from _listed(params, table, wanted, tree)


def _stored(params: TableSource, table: Table, wanted: list[str]) -> Iterator[Picture | str]:
    parts = _parts(params, table)
    yield from spoken(parts)
    rows = enumerate(table.rows(wanted))
    pictures = [_describe(params, table, row, i, f"{params.file}/{i:05}", parts) for i, row in rows]
    if left_out := pictures.count(None):
        yield f"{counted(left_out, 'row')} of {table.where} left out by source.splits"
    for picture, row in zip(pictures, table.rows([params.image]), strict=True):
        if picture is not None:
            yield with_image(picture, row[params.image])


def _listed(
    params: TableSource, table: Table, wanted: list[str], tree: Tree
) -> Iterator[Picture | str]:
    rows = list(table.rows([params.image, *wanted]))
    if not rows:
        raise UserError(f"{table.where} has no rows: it needs one for each picture")
    parts = _parts(params, table)
    yield from spoken(parts)
    paths = _paths(params, table, [str(row[params.image] or "") for row in rows], tree)
    described = [
        (path, picture)
        for i, (path, row) in enumerate(zip(paths, rows, strict=True))
        if (picture := _describe(params, table, row, i, text(path), parts)) is not None
    ]
    if left_out := len(rows) - len(described):
        yield f"{counted(left_out, 'row')} of {table.where} left out by source.splits"
    for path, picture in sorted(described, key=lambda item: item[0].split("/")):
        yield replace(picture, data=tree.read(path))
    if beside := _not_listed(params, tree, {path for path, _ in described}):
        yield f"{counted(beside, 'picture')} beside those of {table.where} in no row of it"
    yield from tree.spoken()


def _not_listed(params: TableSource, tree: Tree, listed: set[str]) -> int:
    """Pictures, by their endings, in the folder that paths are relative to."""
    endings = {posixpath.splitext(path)[1].lower() for path in listed} - {""}
    there = (path for path in tree.files(_top(params)) if path not in listed)
    return sum(posixpath.splitext(path)[1].lower() in endings for path in there)


def _top(params: TableSource) -> str:
    """What paths are relative to."""
    return params.root if params.root is not None else posixpath.dirname(params.file) or "."


def _parts(params: TableSource, table: Table) -> Mapping[str, SplitName]:
    """What the split column says -> the part of the split."""
    if params.split is None:
        return {}
    names = {_name(row[params.split]) for row in table.rows([params.split])} - {""}
    where = f"{params.split} in {table.where}"
    return parts_of(names, params.splits, where=where, what="value") if names else {}


def _name(cell: object) -> str:
    return ", ".join(to_labels(cell, None))


def _describe(
    params: TableSource,
    table: Table,
    row: Row,
    index: int,
    path: str,
    parts: Mapping[str, SplitName],
) -> Picture | None:
    """None for a picture of a part that `params.splits` does not name."""
    name = _name(row[params.split]) if params.split is not None else ""
    if name and name not in parts:
        return None
    where = f"row {index + 1} of {table.where}"
    return describe(row, params, path=path, where=where, split=parts.get(name))


def _paths(params: TableSource, table: Table, cells: list[str], tree: Tree) -> list[str]:
    """The path in the tree that each cell means."""
    top = _top(params)
    paths = tree.find([posixpath.normpath(posixpath.join(top, cell)) for cell in cells])
    if missing := [cell for cell, path in zip(cells, paths, strict=True) if path is None]:
        raise UserError(
            f"{table.where} names {counted(len(missing), 'file')} in {params.image} missing from "
            f"{tree.where(top)}: {_first(missing)}: source.root says what the paths are relative to"
        )
    found = [path for path in paths if path is not None]
    if twice := [path for path, count in Counter(found).items() if count > 1]:
        raise UserError(
            f"{table.where} lists {counted(len(twice), 'path')} more than once: {_first(twice)}: "
            "keep one row of each; several labels go into one cell, with source.separator, or "
            "several columns"
        )
    return found


def _first(names: list[str]) -> str:
    return ", ".join(map(repr, names[:3])) + (", …" if len(names) > 3 else "")

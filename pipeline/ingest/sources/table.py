"""Source `table`: a row for each picture, with its path or its bytes and its labels."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline.core.console import counted
from pipeline.core.errors import UserError
from pipeline.ingest.sources.archives import open_tree
from pipeline.ingest.sources.columns import Describer, check_columns, to_labels, to_text, with_image
from pipeline.ingest.sources.lookup import Lookup
from pipeline.ingest.sources.params import SplitName, TableSource
from pipeline.ingest.sources.parts import parts_of, spoken
from pipeline.ingest.sources.picture import Picture
from pipeline.ingest.sources.tabular import Row, Table, open_table
from pipeline.ingest.sources.tree import FolderTree, Tree, text

EXPLAINED = 20  # rows whose file is missing that are told the nearest: to seek it takes long


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
        describer = Describer(params)
        parts = _parts(params, table)
        yield from spoken(parts)
        if params.image in table.binary:
            yield from _stored(params, table, _Rows(params, table, parts, wanted), describer)
        else:
            rows = _Rows(params, table, parts, [params.image, *wanted])
            yield from _listed(params, table, rows, describer, tree)
        describer.check()


class _Rows:
    """The rows of a table that are in a part of the split that is wanted, or in none.

    Yields index, row and part; left_out: the number of the others so far.
    """

    def __init__(
        self,
        params: TableSource,
        table: Table,
        parts: Mapping[str, SplitName],
        wanted: list[str],
    ) -> None:
        self._params, self._table, self._parts, self._wanted = params, table, parts, wanted
        self.left_out = 0

    def __iter__(self) -> Iterator[tuple[int, Row, SplitName | None]]:
        self.left_out = 0
        for i, row in enumerate(self._table.rows(self._wanted)):
            name = _part(row, self._params.split)
            if name and name not in self._parts:
                self.left_out += 1
            else:
                yield i, row, self._parts.get(name)

    def spoken(self) -> Iterator[str]:
        """What the summary says."""
        if self.left_out:
            rows = counted(self.left_out, "row")
            yield f"{rows} of {self._table.where} left out by source.splits"


def _parts(params: TableSource, table: Table) -> Mapping[str, SplitName]:
    """What the split column says -> the part of the split."""
    if params.split is None:
        return {}
    where = f"{params.split} in {table.where}"
    try:
        names = {_part(row, params.split) for row in table.rows([params.split])} - {""}
    except ValueError as error:
        raise UserError(f"{where} {error}") from None
    return parts_of(names, params.splits, where=where, what="value") if names else {}


def _part(row: Row, column: str | None) -> str:
    return ", ".join(to_labels(row[column], None)) if column is not None else ""


def _stored(
    params: TableSource, table: Table, rows: _Rows, describer: Describer
) -> Iterator[Picture | str]:
    """Pictures whose bytes stand in the table: read again, for they are large."""
    pictures = {
        i: describer.picture(row, path=f"{params.file}/{i:05}", where=_where(table, i), split=split)
        for i, row, split in rows
    }
    yield from rows.spoken()
    for i, row in enumerate(table.rows([params.image])):
        if (picture := pictures.get(i)) is not None:
            yield picture if picture.fault else with_image(picture, row[params.image])


def _listed(
    params: TableSource, table: Table, rows: _Rows, describer: Describer, tree: Tree
) -> Iterator[Picture | str]:
    """Pictures that lie in files."""
    kept = list(rows)
    if not kept and not rows.left_out:
        raise UserError(f"{table.where} has no rows: it needs one for each picture")
    yield from rows.spoken()
    lookup = Lookup(tree, _top(params))
    cells = [to_text(row[params.image]) for _, row, _ in kept]
    paths = _paths(params, table, cells, lookup)
    pictures = []
    for (i, row, split), cell, path in zip(kept, cells, paths, strict=True):
        where = _where(table, i)
        if isinstance(path, str):
            picture = describer.picture(row, path=text(path), where=where, split=split)
            pictures.append((path, picture))
        else:
            pictures.append((cell, describer.reject(text(cell), f"{where}: {path}")))
    if other := next(iter(lookup.respelled.items()), None):
        paths_, (cell, path) = counted(len(lookup.respelled), "path"), other
        yield f"{paths_} of {table.where} spelt otherwise than the files, as {cell!r} for {path!r}"
    for path, picture in sorted(pictures, key=lambda item: item[0].split("/")):
        yield picture if picture.fault else tree.fill(picture, path)
    if beside := _not_listed(params, tree, {path for path, _ in pictures}):
        yield f"{counted(beside, 'picture')} beside those of {table.where} in no row of it"
    yield from tree.spoken()


def _where(table: Table, index: int) -> str:
    return f"row {index + 1} of {table.where}"


def _paths(
    params: TableSource, table: Table, cells: list[str], lookup: Lookup
) -> list[str | ValueError]:
    """The path in the tree that each cell means, or what is wrong with it.

    Errors: `UserError` for what is wrong, unless such rows are rejected.
    """
    found: list[str | ValueError] = []
    rows: dict[str, int] = {}  # path -> its first row
    missing, twice = [], []
    for i, cell in enumerate(cells):
        try:
            path = lookup.find(cell)
        except ValueError as error:
            if params.on_error == "stop":
                raise UserError(f"{_where(table, i)}: {error}: write which one is meant") from None
            found.append(error)
            continue
        if path is None:
            missing.append(cell)
            nearest = f"; {lookup.nearest(cell)}" if len(missing) <= EXPLAINED else ""
            found.append(ValueError(f"{cell!r} is missing{nearest}"))
        elif path in rows:
            twice.append(path)
            found.append(ValueError(f"{path!r} stands in row {rows[path] + 1} too"))
        else:
            rows[path] = i
            found.append(path)
    if missing and params.on_error == "stop":
        raise UserError(
            f"{table.where} names {counted(len(missing), 'file')} in {params.image} missing from "
            f"{lookup.where}: {_first(missing)}: source.root says what the paths are relative to; "
            f"of the first, {lookup.nearest(missing[0])}"
        )
    if twice and params.on_error == "stop":
        names = list(dict.fromkeys(twice))
        raise UserError(
            f"{table.where} lists {counted(len(names), 'path')} more than once: {_first(names)}: "
            "keep one row of each; several labels go into one cell, with source.separator, or "
            "several columns"
        )
    return found


def _not_listed(params: TableSource, tree: Tree, listed: set[str]) -> int:
    """Pictures, by their endings, in the folder that paths are relative to."""
    endings = {posixpath.splitext(path)[1].lower() for path in listed} - {""}
    there = (path for path in tree.files(_top(params)) if path not in listed)
    return sum(posixpath.splitext(path)[1].lower() in endings for path in there)


def _top(params: TableSource) -> str:
    """What paths are relative to."""
    return params.root if params.root is not None else posixpath.dirname(params.file) or "."


def _first(names: list[str]) -> str:
    return ", ".join(map(repr, names[:3])) + (", …" if len(names) > 3 else "")

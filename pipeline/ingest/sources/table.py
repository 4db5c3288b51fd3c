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


Kept = tuple[int, Row, SplitName | None]  # index, row and part of the split


class _Rows:
    """The rows of a table that are in a part of the split that is wanted, or in none.

    left_out: the number of the others so far.
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

    def __iter__(self) -> Iterator[Kept]:
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
    pictures = []
    for (i, row, split), path in zip(kept, _paths(params, table, kept, lookup), strict=True):
        where, cell = _where(table, i), to_text(row[params.image])
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
    params: TableSource, table: Table, kept: list[Kept], lookup: Lookup
) -> list[str | ValueError]:
    """The path in the tree that each row means, or what is wrong with it.

    Errors: `UserError` for what is wrong, unless such rows are rejected.
    """
    found: list[str | ValueError] = []
    places: dict[str, list[int]] = {}  # path -> where in `kept`
    missing = []
    for place, (i, row, _) in enumerate(kept):
        cell = to_text(row[params.image])
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
        else:
            places.setdefault(path, []).append(place)
            found.append(path)
    if missing and params.on_error == "stop":
        raise UserError(
            f"{table.where} names {counted(len(missing), 'file')} in {params.image} missing from "
            f"{lookup.where}: {_first(missing)}: source.root says what the paths are relative to; "
            f"of the first, {lookup.nearest(missing[0])}"
        )
    twice = [path for path, there in places.items() if len(there) > 1]
    if twice and params.on_error == "stop":
        raise UserError(
            f"{table.where} lists {counted(len(twice), 'path')} more than once: {_first(twice)}: "
            "keep one row of each; several labels go into one cell, with source.separator, or "
            "several columns"
        )
    for path in twice:
        there = places[path]
        agree = len({_said(kept[place], params) for place in there}) == 1
        numbers = ", ".join(str(kept[place][0] + 1) for place in there)
        outcome = "the first is kept" if agree else "they do not agree, none is kept"
        for place in there[1:] if agree else there:
            found[place] = ValueError(f"{path!r} stands in rows {numbers}: {outcome}")
    return found


def _said(kept: Kept, params: TableSource) -> str:
    """All that a row says of its picture."""
    _, row, split = kept
    return repr([split, *(row[name] for name in (*params.labels, params.artist) if name)])


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

"""Labels joined from a table by the name of the folder."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from pipeline.core.errors import UserError
from pipeline.ingest.sources.columns import check_columns, to_labels, to_text
from pipeline.ingest.sources.params import LabelTable
from pipeline.ingest.sources.tabular import Table, open_table
from pipeline.ingest.sources.tree import Tree

Labels = tuple[str, ...]


def read_labels(params: LabelTable, trees: Sequence[Tree], folders: list[str]) -> dict[str, Labels]:
    """The labels of each folder: the cell of `params.column` in the row whose key matches it.

    trees: where the table may lie, in an archive or beside it.
    Names match without regard to case, Unicode form, and "_" for a space; `params.aliases` gives
    the table's name for folders that do not match, a pattern ("*", "?"). A cell may hold several
    labels.

    Errors: `UserError` for a table or column that is not there, a folder that no row matches (with
    the closest name), a key that stands in two rows with different labels, an empty cell.
    """
    key = "source.labels.table"
    with open_table(params.table, trees, key=key, encoding=params.encoding) as table:
        path, rows = table.where, _rows(table, params)
    if unknown := [p for p in params.aliases if not any(_means(p, f) for f in folders)]:
        raise UserError(
            f"source.labels.aliases names {unknown[0]!r}, which is no folder; "
            f"{_closest(unknown[0], folders)}"
        )
    labels: dict[str, Labels] = {}
    for folder in folders:
        name = _in_table(folder, params.aliases)
        if _plain(name) not in rows:
            names = {_plain(row): row for row, _ in rows.values()}
            raise UserError(
                f"{path} has no {params.key} {name!r} for the folder {folder!r}; "
                f"{_closest(name, list(names.values()))}; add the row, or the name in the table to "
                f"source.labels.aliases, as `{folder}: NAME`"
            )
        written, labels[folder] = rows[_plain(name)]
        if not labels[folder]:
            raise UserError(f"{path} has no {params.column} for {written!r}: fill the cell")
    return labels


def _in_table(folder: str, aliases: Mapping[str, str]) -> str:
    """The name of a folder in the table."""
    return next((name for pattern, name in aliases.items() if _means(pattern, folder)), folder)


def _means(pattern: str, folder: str) -> bool:
    return folder == pattern or fnmatchcase(folder, pattern)


def _rows(table: Table, params: LabelTable) -> dict[str, tuple[str, Labels]]:
    """Plain name -> (name as written, labels)."""
    check_columns([params.key, params.column], table.columns, where=table.where)
    rows: dict[str, tuple[str, Labels]] = {}
    for number, row in enumerate(table.rows([params.key, params.column]), start=1):
        try:
            name = to_text(row[params.key])
            labels = to_labels(row[params.column], params.separator)
        except ValueError as error:
            raise UserError(f"row {number} of {table.where} {error}") from None
        if rows.setdefault(_plain(name), (name, labels))[1] != labels:
            raise UserError(
                f"{table.where} has {name!r} twice, with different labels: keep one row"
            )
    return rows


def _plain(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).replace("_", " ").casefold().split())


def _closest(name: str, names: list[str]) -> str:
    plain = {_plain(n): n for n in names}
    close = difflib.get_close_matches(_plain(name), list(plain), n=1, cutoff=0.0)
    return f"the closest is {plain[close[0]]!r}" if close else "the table is empty"

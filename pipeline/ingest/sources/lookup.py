"""The files that the paths in a table mean."""

from __future__ import annotations

import difflib
import posixpath
import re
from collections.abc import Callable, Iterable
from functools import cached_property
from urllib.parse import unquote

from pipeline.ingest.sources.tree import Tree, one_form

COMPARED = 5000  # files at most, when the nearest to a path that is not there is sought


class Lookup:
    """Paths relative to the folder `top` of a tree.

    where: the folder, in a message. respelled: paths found by another spelling -> the files.
    """

    def __init__(self, tree: Tree, top: str) -> None:
        self._tree, self._top = tree, top
        self.where = tree.where(top)
        self.respelled: dict[str, str] = {}

    def find(self, cell: str) -> str | None:
        r"""The file that is meant, None where there is none.

        Spelt as in the table, in whatever Unicode form; else with "\" for "/", "%20" for a space,
        spaces around it, "/" or "./" before it, other capitals, or without the ending, where one
        file alone fits. Errors: `ValueError` where several do.
        """
        path = self._within(cell)
        if path is not None and self._tree.is_file(path):
            return path
        if path is not None and (fitting := self._exact.get(one_form(path))):
            return _one(fitting, cell)
        path = self._within(unquote(cell.strip().replace("\\", "/")).lstrip("/"))
        if path is None or not cell.strip():
            return None
        fitting = self._spelt.get(_plain(path), []) or self._without_ending.get(_plain(path), [])
        if not fitting:
            return None
        self.respelled[cell] = _one(fitting, cell)
        return fitting[0]

    def nearest(self, cell: str) -> str:
        """What a message says of a path that is not there."""
        if re.match(r"\w+://", cell.strip()):
            return "it is an address: fetch the files first, and write their paths"
        plain = _plain(cell.replace("\\", "/"))
        alike = self._named.get(posixpath.basename(plain), self._files)
        compared = {_plain(path): path for path in alike[:COMPARED]}
        close = difflib.get_close_matches(plain, compared, n=1, cutoff=0.0)
        return f"the nearest file is {compared[close[0]]!r}" if close else "there are no files"

    def _within(self, cell: str) -> str | None:
        """The path from the root; None for one that leaves it."""
        path = posixpath.normpath(posixpath.join(self._top, cell))
        return None if path.startswith(("/", "../")) or path == ".." else path

    @cached_property
    def _files(self) -> list[str]:
        return self._tree.files(".")

    @cached_property
    def _exact(self) -> dict[str, list[str]]:
        return _grouped(self._files, one_form)

    @cached_property
    def _named(self) -> dict[str, list[str]]:
        return _grouped(self._files, lambda path: _plain(posixpath.basename(path)))

    @cached_property
    def _spelt(self) -> dict[str, list[str]]:
        return _grouped(self._files, _plain)

    @cached_property
    def _without_ending(self) -> dict[str, list[str]]:
        return _grouped(self._files, lambda path: _plain(posixpath.splitext(path)[0]))


def _one(fitting: list[str], cell: str) -> str:
    if len(fitting) > 1:
        raise ValueError(f"{cell!r} may be {fitting[0]!r} or {fitting[1]!r}")
    return fitting[0]


def _grouped(paths: Iterable[str], key: Callable[[str], str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for path in paths:
        groups.setdefault(key(path), []).append(path)
    return groups


def _plain(path: str) -> str:
    """Spaces around the parts are none, and capitals are small."""
    parts = (part.strip() for part in one_form(path).casefold().split("/"))
    return "/".join(parts)

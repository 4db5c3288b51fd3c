"""Which pictures of a folder are labelled already."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.compute.parallel import ordered_map
from pipeline.core.digests import digest
from pipeline.ingest.examining import examination
from pipeline.ingest.sources.tree import FolderTree, UnreadableError


@dataclass(frozen=True)
class Known:
    """The labelled pictures. paths: image_id -> path; ids, hashes: those with a perceptual hash.

    distance: bits in which the hashes of copies differ at most, None where only equal files are.
    """

    paths: Mapping[str, str]
    ids: list[str]
    hashes: NDArray[np.uint64]
    distance: int | None

    @classmethod
    def of(
        cls, paths: Mapping[str, str], hashes: Mapping[str, int], *, distance: int | None
    ) -> Known:
        """hashes: image_id -> hash, of other pictures too."""
        ids = [i for i in paths if i in hashes]
        return cls(paths, ids, np.array([hashes[i] for i in ids], np.uint64), distance)

    def copied(self, image_id: str, code: int | None) -> str | None:
        """The path of a labelled picture that one with this id and hash is a copy of, or None."""
        if image_id in self.paths:
            return self.paths[image_id]
        if self.distance is None or code is None or not self.ids:
            return None
        differing = np.bitwise_count(self.hashes ^ np.uint64(code))
        nearest = int(differing.argmin())
        return self.paths[self.ids[nearest]] if differing[nearest] <= self.distance else None


def without_copies(
    files: Iterable[Path], known: Known, *, max_pixels: int
) -> Iterator[tuple[Path, str | None]]:
    """Each file with why it is left out, in words, or None."""

    def look(path: Path) -> tuple[Path, str | None]:
        try:
            data = FolderTree(path.parent).read(path.name)
        except UnreadableError as error:
            return path, str(error)
        found = examination(data, max_pixels=max_pixels, hashes=known.distance is not None)
        if found.error is not None:
            return path, found.error
        copied = known.copied(digest(data), found.hash)
        return path, f"a copy of {copied}, which is labelled" if copied is not None else None

    return ordered_map(look, files)

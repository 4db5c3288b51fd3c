"""Vectors for pictures that have none yet: what is missing, computed and put beside the rest."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.artifacts.vectors import VectorStore
from pipeline.compute.distributed import World
from pipeline.compute.parallel import ordered_map
from pipeline.compute.pictures import PictureError
from pipeline.core.console import progress
from pipeline.core.errors import UserError
from pipeline.core.files import in_writing
from pipeline.core.parquet import Shards, shard_batches, shard_ids
from pipeline.features.extraction import Extractor

JUDGED = 8  # pictures by which an engine is chosen

Shard = tuple[list[str], NDArray[np.float16]]  # image_ids and their vectors (N, D)


@dataclass(frozen=True)
class Plan:
    """What is there and what one process has to do.

    names: of all shards of vectors that shall be there. pictures: of this process's share; missing:
    its shards of pictures that have no whole shard of vectors; damaged: how many of these have one
    that is not as it was written; known: image_id -> a shard of another name that has the vector;
    new: how many pictures of `missing` have none at all.
    """

    names: set[str]
    pictures: int
    missing: list[Path]
    damaged: int
    known: dict[str, Path]
    new: int


def plan(images: Shards, store: VectorStore, world: World) -> Plan:
    """Compare the pictures with the vectors."""
    mine = set(world.share(images.paths))
    names: set[str] = set()
    missing: list[Path] = []
    pictures = damaged = 0
    for path in images.paths:
        ids = shard_ids(path)
        name = store.path(ids).name
        names.add(name)
        if path in mine:
            pictures += len(ids)
            broken = store.damaged(name)
            damaged += broken
            if broken or not store.holds(name):
                missing.append(path)
    others = store.others(names) if missing else ()
    known = {image_id: other for other in others for image_id in store.known(other)}
    new = sum(image_id not in known for path in missing for image_id in shard_ids(path))
    return Plan(names, pictures, missing, damaged, known, new)


def assemble(work: Plan, store: VectorStore, new: Iterator[NDArray[np.float16]]) -> Iterator[Shard]:
    """The missing shards: known vectors from where they are, the others from `new` in order."""

    @lru_cache(maxsize=4)  # a shard's pictures were neighbours before, too
    def old(path: Path) -> tuple[dict[str, int], NDArray[np.float16]]:
        ids = store.known(path)
        return {image_id: row for row, image_id in enumerate(ids)}, store.read(ids)

    rows = _rows(new)
    for path in work.missing:
        ids = shard_ids(path)
        vectors = np.empty((len(ids), store.dimension), np.float16)
        for row, image_id in enumerate(ids):
            if (source := work.known.get(image_id)) is not None:
                position, there = old(source)
                vectors[row] = there[position[image_id]]
            else:
                vectors[row] = next(rows)
        yield ids, vectors


def _rows(batches: Iterator[NDArray[np.float16]]) -> Iterator[NDArray[np.float16]]:
    for batch in batches:
        yield from batch


def new_pictures(work: Plan) -> Iterator[tuple[str, bytes]]:
    """The pictures that no vector is known of, in order: where each lies, and its bytes encoded.

    Memory holds one row group.
    """
    for path in work.missing:
        for rows in shard_batches(path, ["image_id", "image"]):
            encoded = rows["image"].field("bytes")
            for image_id, data in zip(rows["image_id"].to_pylist(), encoded, strict=True):
                if image_id not in work.known:
                    yield f"picture {image_id} of {path}", data.as_py()


def compute(work: Plan, extractor: Extractor) -> Iterator[NDArray[np.float16]]:
    """Their vectors, in batches. Errors: `UserError` that names what cannot be decoded."""
    done = 0
    try:
        for vectors in extractor.vectors(data for _, data in new_pictures(work)):
            yield vectors
            done += len(vectors)
    except PictureError:
        for where, data in islice(new_pictures(work), done, None):
            try:
                extractor.prepare(data)
            except PictureError as error:
                raise UserError(
                    f"{where} cannot be used here ({error}): run `dvc repro --force ingest`"
                ) from None
        raise


def expect(work: Plan, extractor: Extractor, images: Shards, *, alone: bool) -> None:
    """Let the extractor choose its engine by some of all pictures, JUDGED at most.

    Of several processes (not `alone`) so each sees the same. What cannot be read or decoded is
    named when its turn comes.
    """
    if work.new:
        paths = images.paths[:: -(-len(images.paths) // JUDGED)]
        each = -(-JUDGED // len(paths))
        some: list[bytes] = []
        for path in paths:
            with suppress(UserError):
                rows = next(shard_batches(path, ["image"]))
                some += rows["image"].field("bytes")[:each].to_pylist()
        with suppress(PictureError):
            if some:
                extractor.expect(work.new, some[:JUDGED], alone=alone)


def extract(work: Plan, store: VectorStore, extractor: Extractor, *, what: str) -> None:
    """Compute, assemble and write, then `tidy`.

    Shards are written in threads of their own, no more than one of them waiting.
    """
    vectors = compute(work, extractor)
    shards = assemble(work, store, progress(vectors, what=what, total=work.new, size=len))
    writers = ThreadPoolExecutor(extractor.writers)

    def write(shard: Shard) -> None:
        store.write(*shard, mode=extractor.mode)

    for _ in ordered_map(write, shards, pool=writers, ahead=extractor.writers + 1):
        pass
    tidy(work, store)


def tidy(work: Plan, store: VectorStore) -> None:
    """Remove what does not belong there.

    Of several processes the last one finds all there; before, what is no shard may become one.
    """
    if all(store.holds(name) for name in work.names):
        for path in store.others(work.names):
            if not in_writing(path):
                path.unlink(missing_ok=True)

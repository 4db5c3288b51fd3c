"""A PCA fitted on the training pictures, and the components of all, shard by shard."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.artifacts.components import component_rows
from pipeline.artifacts.vectors import VectorStore
from pipeline.compute.distributed import World
from pipeline.compute.parallel import ordered_map
from pipeline.core.errors import UserError
from pipeline.core.files import replacing
from pipeline.core.parquet import Shards, read_rows, write_shard
from pipeline.pca.decomposition import fit_components
from pipeline.pca.files import Projection
from pipeline.pca.params import AUTO_COMPONENTS, Pca

AHEAD = 3  # shards that are read in threads while one is worked on


def fit(images: Shards, features: VectorStore, params: Pca, world: World) -> Projection | None:
    """The PCA of the training pictures; None for `components: none`.

    Errors: `UserError` when there are more components than training pictures or features.
    """
    if params.components == "none":
        return None
    paths = world.share(images.paths)
    count = np.array([sum(len(training_ids(path)[1]) for path in paths)])
    world.sum(count)
    rows, sample = int(count[0]), None if params.sample == "none" else params.sample
    limit = min(rows, features.dimension, sample or rows) if rows > 1 else 0
    if params.components == "auto":  # N pictures less their mean span N - 1 dimensions
        components = min(AUTO_COMPONENTS, features.dimension, (sample or rows) - 1, rows - 1)
    else:
        components = params.components
    if not 0 < components <= limit:
        drawn = f", of which {sample} are drawn (pca.sample)," if sample and sample < rows else ""
        raise UserError(
            f"pca.components is {params.components}, but {rows} training pictures{drawn} of "
            f"{features.dimension} features allow at most {limit}: lower it, or use auto or none"
        )

    def training(path: Path) -> NDArray[np.float16]:
        ids, kept = training_ids(path)
        return features.read(ids)[kept] if len(kept) else nothing

    def blocks() -> Iterator[NDArray[np.float16]]:
        return (block for block in ordered_map(training, paths, ahead=AHEAD) if len(block))

    nothing = np.empty((0, features.dimension), np.float16)
    found = fit_components(blocks, components, sample=sample, seed=params.seed, world=world)
    return Projection(found, params.whiten)


def training_ids(path: Path) -> tuple[list[str], NDArray[np.intp]]:
    """The image_ids of a shard and the positions among them of those for training."""
    rows = read_rows(path, ["image_id", "split"])
    return rows["image_id"].to_pylist(), np.flatnonzero(rows["split"].to_numpy(False) == "train")


def project(
    images: Shards,
    features: VectorStore,
    projection: Projection | None,
    schema: pa.Schema,
    folder: Path,
    *,
    world: World,
) -> None:
    """Write this process's share of the components, a shard for each of `images`."""

    def read(path: Path) -> tuple[str, pa.RecordBatch, NDArray[np.float16]]:
        rows = read_rows(path, ["image_id", "labels", "split"])
        return path.name, rows, features.read(rows["image_id"].to_pylist())

    for name, rows, vectors in ordered_map(read, world.share(images.paths), ahead=AHEAD):
        components = vectors.astype(np.float32) if projection is None else projection(vectors)
        write_shard(folder / name, schema, [component_rows(rows, components, schema)])


@contextmanager
def replacing_together(folder: Path, world: World) -> Iterator[Path]:
    """A temporary folder, one for all processes, that replaces `folder` when all are through."""
    if world.rank > 0:
        yield folder.with_name(world.broadcast_text(""))
        world.barrier()
        return
    with replacing(folder) as temporary:
        temporary.mkdir()
        world.broadcast_text(temporary.name)
        yield temporary
        world.barrier()

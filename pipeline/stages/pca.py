"""Stage pca: data/images, data/features -> models/pca, data/components, explained_variance.csv."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
from numpy.typing import NDArray

from pipeline.console import counted, run
from pipeline.decomposition import StreamingPCA, components_digest, save_pca
from pipeline.distributed import World
from pipeline.errors import UserError
from pipeline.parallel import cores, ordered_map
from pipeline.params import Pca, load_params
from pipeline.tables import (
    Shards,
    read_rows,
    replacing,
    temporary_name,
    vector_rows,
    vectors_schema,
    write_shard,
)
from pipeline.vectors import VectorStore

AHEAD = 3  # shards that are read in threads while one is worked on


def fit(images: Shards, features: VectorStore, params: Pca, world: World) -> StreamingPCA | None:
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
    if params.components > limit:
        drawn = f", of which {sample} are drawn (pca.sample)," if sample and sample < rows else ""
        raise UserError(
            f"pca.components is {params.components}, but {rows} training pictures{drawn} of "
            f"{features.dimension} features allow at most {limit}: lower it, or use none"
        )

    def training(path: Path) -> NDArray[np.float16]:
        ids, kept = training_ids(path)
        return features.read(ids)[kept] if len(kept) else nothing

    def blocks() -> Iterator[NDArray[np.float16]]:
        return (block for block in ordered_map(training, paths, ahead=AHEAD) if len(block))

    nothing = np.empty((0, features.dimension), np.float16)
    pca = StreamingPCA(
        params.components, whiten=params.whiten, sample=sample, random_state=params.seed
    )
    return pca.fit_stream(blocks, world=world)


def training_ids(path: Path) -> tuple[list[str], NDArray[np.intp]]:
    """The image_ids of a shard and the positions among them of those for training."""
    rows = read_rows(path, ["image_id", "split"])
    return rows["image_id"].to_pylist(), np.flatnonzero(rows["split"].to_numpy(False) == "train")


def project(
    images: Shards,
    features: VectorStore,
    pca: StreamingPCA | None,
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
        components = vectors.astype(np.float32) if pca is None else pca.transform(vectors)
        write_shard(folder / name, schema, [vector_rows(rows, components, schema)])


@contextmanager
def replacing_together(folder: Path, world: World) -> Iterator[Path]:
    """A temporary folder, one for all processes, that replaces `folder` when all are through."""
    if world.rank > 0:
        world.barrier()
        yield temporary_name(folder)
        world.barrier()
        return
    with replacing(folder) as temporary:
        temporary.mkdir()
        world.barrier()
        yield temporary
        world.barrier()


def explained_variance(pca: StreamingPCA | None) -> pd.DataFrame:
    """Columns component (from 1), ratio, cumulative; no rows without a PCA."""
    ratios = np.empty(0) if pca is None else pca.explained_variance_ratio_.astype(float)
    numbers = np.arange(1, len(ratios) + 1)
    table = {"component": numbers, "ratio": ratios, "cumulative": ratios.cumsum()}
    return pd.DataFrame(table).round(6)


def main() -> None:
    images_dir, features_dir, model_path, components_dir, variance_file = map(Path, sys.argv[1:])
    images, features = Shards(images_dir), VectorStore.open(features_dir)
    world = World.from_env()
    torch.set_num_threads(max(1, cores() // world.local_size))  # torchrun says 1
    if world.rank >= len(images.paths):
        print(
            f"pca {world.rank}/{world.size}: idle, {counted(len(images.paths), 'shard')} for "
            f"{world.size} processes"
        )
    with world.connected():
        pca = fit(images, features, load_params().pca, world)
        length = features.dimension if pca is None else pca.n_components_
        extraction = features.provenance
        digest = components_digest(pca, **extraction)
        schema = vectors_schema(
            "components",
            np.float32,
            length,
            classes=images.metadata["classes"],
            components_digest=digest,
        )
        with replacing_together(components_dir, world) as folder:
            project(images, features, pca, schema, folder, world=world)
    if world.rank > 0:
        return
    variance = explained_variance(pca)
    with replacing(variance_file) as temporary:
        variance.to_csv(temporary, index=False)
    save_pca(model_path, pca, components_digest=digest, **extraction)
    if pca is None:
        print(f"pca: none; {length} features go through")
    else:
        share = variance["cumulative"].iloc[-1]
        print(f"pca: {length} components hold {share:.1%} of the training pictures' variance")


if __name__ == "__main__":
    run(main)

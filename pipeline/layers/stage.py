"""Stage layers: data/images, data/vectors -> data/features, reports/layers.csv."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from pipeline.artifacts import images
from pipeline.artifacts.images import one_hot
from pipeline.artifacts.layers import write_layers
from pipeline.artifacts.vectors import FEATURES, VECTORS, VectorStore, places
from pipeline.classifiers.folds import assign_folds
from pipeline.compute.parallel import ordered_map
from pipeline.core.console import counted
from pipeline.core.errors import UserError
from pipeline.core.files import readable, replacing
from pipeline.core.parquet import Shards, read_rows, shard_ids
from pipeline.layers.probe import Probe
from pipeline.layers.together import Together, equal_scales
from pipeline.measure.splitting import at_most

SAMPLE, FOLDS, SEED = 2000, 5, 0  # pictures of the probe, drawn at random, and its folds
WAYS = ("by_picture", "by_artist")


def layers(*, choose: bool) -> str:
    """Put the layers together, all or (`choose`) the best of them; returns which."""
    pictures, store = Shards(images.PATH), VectorStore.open(VECTORS)
    widths = store.widths
    table = pd.DataFrame({"layer": list(widths), "width": list(widths.values())})
    chosen = list(widths)
    if len(widths) == 1:
        table[list(WAYS)] = np.nan
        pass_on(pictures, store)
    else:
        with threadpool_limits(1, user_api="blas"):
            accuracies, best = probed(pictures, store)
        table[list(WAYS)] = accuracies
        chosen = best if choose else chosen
        scales = equal_scales(training(pictures, store), widths)
        put_together(pictures, store, Together(widths, {name: scales[name] for name in chosen}))
    table["chosen"] = table["layer"].isin(chosen)
    write_layers(table.round(6))
    kept = sum(widths[name] for name in chosen)
    return f"layers: {', '.join(chosen)}; {kept} of {counted(store.dimension, 'feature')}"


def pass_on(pictures: Shards, store: VectorStore) -> None:
    """One layer goes on as it is: the same files under another name, copied where links fail."""
    with replacing(FEATURES) as folder:
        folder.mkdir()
        for path in pictures.paths:
            shard = store.path(shard_ids(path))
            with readable(shard):
                try:
                    os.link(shard, folder / shard.name)
                except OSError:
                    shutil.copyfile(shard, folder / shard.name)


def put_together(pictures: Shards, store: VectorStore, together: Together) -> None:
    """Write the layers of `together` of every picture."""
    kept = [list(item) for item in together.kept.items()]
    provenance = {**store.provenance, "widths": kept, "scales": together.scales}
    with replacing(FEATURES) as folder:
        folder.mkdir()
        features = VectorStore.of(provenance, folder)

        def write(path: Path) -> None:
            ids = shard_ids(path)
            features.write(ids, together(store.read(ids)), mode="put together")

        for _ in ordered_map(write, pictures.paths):
            pass


def training(pictures: Shards, store: VectorStore) -> Iterator[NDArray[np.float16]]:
    """The vectors of the training pictures, a shard at a time."""
    for path in pictures.paths:
        rows = read_rows(path, ["image_id", "split"])
        yield store.read(rows["image_id"].to_pylist())[
            np.flatnonzero(rows["split"].to_numpy(False) == "train")
        ]


def probed(pictures: Shards, store: VectorStore) -> tuple[NDArray[np.float64], list[str]]:
    """The accuracy of each layer, (L, 2), by picture and by artist, NaN where there are too few;
    and the layers that are best, all where that cannot be known.

    Of training and validation pictures alone. They are chosen by artist where the split is.
    """
    table, vectors = sample(pictures, store)
    labels = [tuple(row) for row in table["labels"].to_pylist()]
    names = table["artist"].to_pylist()
    artists = [name or f"\0{i}" for i, name in enumerate(names)]  # of each unknown one its own
    probe = Probe.of(
        {name: vectors[:, place] for name, place in places(store.widths)},
        one_hot(table["labels"].to_pylist(), pictures.metadata["classes"]),
    )
    found = np.full((len(probe.kernels), len(WAYS)), np.nan)
    best = list(probe.kernels)
    deciding = WAYS[pictures.metadata["artists_apart"]]
    for column, way in enumerate(WAYS):
        if way == "by_artist" and not any(names):
            continue
        try:
            folds = assign_folds(
                labels, artists if way == "by_artist" else None, folds=FOLDS, seed=SEED
            )
        except UserError:  # too few pictures or artists
            continue
        found[:, column] = [probe.accuracy([name], folds) for name in probe.kernels]
        if way == deciding:
            best = probe.choose(folds)
    return found, best


def sample(pictures: Shards, store: VectorStore) -> tuple[pa.Table, NDArray[np.float32]]:
    """SAMPLE training and validation pictures: image_id, labels, artist; vectors (N, D)."""
    table = pictures.read(["image_id", "labels", "artist", "split"])
    seen = np.flatnonzero(table["split"].to_numpy() != "test")
    rng = np.random.default_rng(SEED)
    drawn = at_most(seen, SAMPLE, rng)
    return table.take(drawn), store.rows(pictures, drawn, np.float32)

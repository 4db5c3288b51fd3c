"""Stage novelty: data/images, data/features -> models/novelty."""

from __future__ import annotations

import numpy as np

from pipeline.artifacts import images
from pipeline.artifacts.images import labelled
from pipeline.artifacts.novelty import novelty_path
from pipeline.artifacts.vectors import FEATURES, VectorStore
from pipeline.core.console import counted
from pipeline.core.parquet import Shards
from pipeline.measure.splitting import at_most
from pipeline.novelty.neighbours import Neighbours

MOST = 20_000  # pictures of a part, drawn at random where there are more
CELLS = 2**26  # features of a part: 128 MiB as they are kept
SEED = 0


def novelty() -> str:
    """Keep the features of training pictures; returns of how many, and how many of the test
    pictures are too far from them."""
    pictures, store = Shards(images.PATH), VectorStore.open()
    table, _, _ = labelled(pictures, beside=FEATURES, count=pictures.rows)
    split = table["split"].to_numpy()
    most = max(1, min(MOST, CELLS // store.dimension))
    rng = np.random.default_rng(SEED)
    train, validation, test = (
        store.rows(pictures, at_most(np.flatnonzero(split == name), most, rng), np.float16)
        for name in ("train", "validation", "test")
    )
    found = Neighbours.of(train, validation)
    found.save(novelty_path(), features=store.provenance)
    return (
        f"novelty: {counted(len(train), 'training picture')}; {found.foreign(test).mean():.1%} of "
        "the test pictures would be none of the classes"
    )

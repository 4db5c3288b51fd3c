"""Stage pca: data/images, data/features -> models/pca, data/components, explained_variance.csv."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from pipeline.artifacts import components, images, models
from pipeline.artifacts.components import components_schema
from pipeline.artifacts.vectors import VectorStore
from pipeline.compute.distributed import World
from pipeline.compute.parallel import cores
from pipeline.core.console import counted
from pipeline.core.parquet import Shards
from pipeline.pca.files import Projection, components_digest, save_pca
from pipeline.pca.params import Pca
from pipeline.pca.projection import fit, project, replacing_together


def pca(params: Pca) -> str | None:
    """Fit and project, together with the other processes there are; returns what was found, in the
    first process. Errors: `UserError`."""
    pictures, features = Shards(images.PATH), VectorStore.open()
    world = World.from_env()
    torch.set_num_threads(max(1, cores() // world.local_size))  # torchrun says 1
    if world.rank >= len(pictures.paths):
        shards = counted(len(pictures.paths), "shard")
        print(f"pca {world.rank}/{world.size}: idle, {shards} for {world.size} processes")
    with world.connected():
        fitted = fit(pictures, features, params, world)
        length = features.dimension if fitted is None else len(fitted.components.components)
        digest = components_digest(fitted, **features.provenance)
        schema = components_schema(
            length, classes=pictures.metadata["classes"], components_digest=digest
        )
        with replacing_together(components.PATH, world) as folder:
            project(pictures, features, fitted, schema, folder, world=world)
    if world.rank > 0:
        return None
    variance = explained_variance(fitted)
    components.write_variance(variance)
    save_pca(models.pca_path(), fitted, components_digest=digest, **features.provenance)
    if fitted is None:
        return f"pca: none; {length} features go through"
    share = variance["cumulative"].iloc[-1]
    return f"pca: {length} components hold {share:.1%} of the training pictures' variance"


def explained_variance(projection: Projection | None) -> pd.DataFrame:
    """Columns component (from 1), ratio, cumulative; no rows without a PCA."""
    ratios = np.empty(0)
    if projection is not None:
        ratios = projection.components.explained_variance_ratio.astype(float)
    numbers = np.arange(1, len(ratios) + 1)
    table = {"component": numbers, "ratio": ratios, "cumulative": ratios.cumsum()}
    return pd.DataFrame(table).round(6)

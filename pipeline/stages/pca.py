"""Stage pca: data/features -> models/pca, data/components, reports/explained_variance.csv."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.console import run
from pipeline.decomposition import PCA, components_digest, save_pca
from pipeline.errors import UserError
from pipeline.params import Pca, load_params
from pipeline.tables import (
    Shards,
    from_vectors,
    replacing,
    vector_rows,
    vectors_schema,
    write_shards,
)


def fit(features: Shards, params: Pca) -> PCA | None:
    """The PCA of the training pictures; None for `components: none`.

    Errors: `UserError` when there are more components than training pictures or features.
    """
    if params.components == "none":
        return None
    training = from_vectors(features.read(["features"], split="train")["features"])
    limit = min(training.shape)
    if params.components > limit:
        raise UserError(
            f"pca.components is {params.components}, but {training.shape[0]} training pictures of "
            f"{training.shape[1]} features allow at most {limit}: lower it, or use none"
        )
    return PCA(params.components).fit(training)


def project(features: Shards, pca: PCA | None, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Rows of `schema` for all pictures, in the order of `features`."""
    for rows in features.batches():
        vectors = from_vectors(rows["features"])
        components = vectors.astype(np.float32) if pca is None else pca.transform(vectors)
        yield vector_rows(rows, components, schema)


def explained_variance(pca: PCA | None) -> pd.DataFrame:
    """Columns component (from 1), ratio, cumulative; no rows without a PCA."""
    ratios = np.empty(0) if pca is None else pca.explained_variance_ratio_.astype(float)
    numbers = np.arange(1, len(ratios) + 1)
    table = {"component": numbers, "ratio": ratios, "cumulative": ratios.cumsum()}
    return pd.DataFrame(table).round(6)


def main() -> None:
    features_dir, model_path, components_dir, variance_file = map(Path, sys.argv[1:])
    features = Shards(features_dir)
    pca = fit(features, load_params().pca)
    length = features.schema.field("features").type.list_size if pca is None else pca.n_components_
    extraction = {key: features.metadata[key] for key in ("layer", "backbone", "digest")}
    digest = components_digest(pca, **extraction)
    schema = vectors_schema(
        "components",
        np.float32,
        length,
        classes=features.metadata["classes"],
        components_digest=digest,
    )
    write_shards(components_dir, schema, project(features, pca, schema))
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

"""Stage features: data/images, models/backbone -> data/features."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline.backbones import Backbone
from pipeline.console import progress, run
from pipeline.extraction import Extractor
from pipeline.params import load_params
from pipeline.tables import Shards, vector_rows, vectors_schema, write_shards


def extract(images: Shards, extractor: Extractor, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Rows of `schema` for all pictures, in the order of `images`."""
    for rows in images.batches(["image_id", "image", "labels", "split"]):
        pictures = rows["image"].field("bytes").to_pylist()
        yield vector_rows(rows, np.stack(list(extractor.vectors(pictures))), schema)


def main() -> None:
    images_dir, backbone_path, features_dir = map(Path, sys.argv[1:])
    params = load_params().features
    images = Shards(images_dir)
    backbone = Backbone.load(backbone_path)
    extractor = Extractor(
        backbone, layer=params.layer, device=params.device, batch_size=params.batch_size
    )
    schema = vectors_schema(
        "features",
        np.float16,
        extractor.dimension,
        classes=images.metadata["classes"],
        layer=params.layer,
        backbone=backbone.recipe.name,
        digest=backbone.recipe.digest,
    )
    batches = progress(
        extract(images, extractor, schema),
        what="features",
        total=images.rows,
        size=lambda rows: rows.num_rows,
    )
    count = write_shards(features_dir, schema, batches)
    print(f"features: {count} x {extractor.dimension} {params.layer} on {extractor.device.type}")


if __name__ == "__main__":
    run(main)

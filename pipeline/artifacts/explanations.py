"""`reports/explanations/RUN.parquet`: what a network looked at."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from pipeline.artifacts.images import IMAGES

SCHEMA = pa.schema(
    {
        "image_id": pa.string(),
        "labels": IMAGES.field("labels").type,
        "predicted": pa.string(),
        "score": pa.float32(),
        "heat": pa.list_(pa.list_(pa.uint8())),  # rows of the map; 255 where it is strongest
    }
)


def explanations_path(run: str) -> Path:
    """Of a network on pixels."""
    return Path("reports/explanations") / f"{run}.parquet"

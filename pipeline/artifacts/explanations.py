"""`reports/explanations/RUN.parquet`: what a network looked at."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from pipeline.artifacts.images import IMAGES
from pipeline.core.parquet import read_file, write_file

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


def write_explanations(run: str, pictures: pa.Table) -> None:
    """pictures: as in SCHEMA."""
    write_file(explanations_path(run), pictures)


def read_explanations(run: str) -> pa.Table:
    """What `write_explanations` wrote. Errors: `UserError`."""
    return read_file(explanations_path(run))

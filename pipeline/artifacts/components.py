"""`data/components`, `reports/explained_variance.csv`: the principal components of each picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.artifacts.images import IMAGES
from pipeline.core.parquet import Shards, from_column, to_column, vector_type, with_metadata
from pipeline.core.tables import read_csv, write_checked_csv

if TYPE_CHECKING:
    import pandas as pd

PATH = Path("data/components")
VARIANCE = Path("reports/explained_variance.csv")  # its checksum is in the .json beside it


def components_schema(length: int, **provenance: Any) -> pa.Schema:
    """Rows known by image_id, in the shards of data/images, with labels, split and K = `length`
    components, float32."""
    columns = [IMAGES.field(column) for column in ("image_id", "labels", "split")]
    vectors = ("components", vector_type(np.float32, length))
    return with_metadata(pa.schema([*columns, vectors]), **provenance)


def component_rows(
    rows: pa.RecordBatch, components: NDArray[np.floating[Any]], schema: pa.Schema
) -> pa.RecordBatch:
    """The image_id, labels and split of `rows` with the components (N, K) of each."""
    columns = [rows["image_id"], rows["labels"], rows["split"], to_column(components)]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def read_components(folder: Path = PATH) -> tuple[NDArray[np.floating[Any]], str]:
    """(N, K) float32 and the digest of their PCA and features. Errors: `UserError`."""
    shards = Shards(folder)
    table = shards.read(shards.schema.names)  # all columns, as only what is read is checked
    components = from_column(table["components"])
    return components, shards.metadata["components_digest"]


def write_variance(variance: pd.DataFrame) -> None:
    """variance: columns component (from 1), ratio, cumulative; no rows without a PCA."""
    write_checked_csv(VARIANCE, variance)


def read_variance() -> pd.DataFrame:
    """What `write_variance` wrote. Errors: `UserError`."""
    return read_csv(VARIANCE)

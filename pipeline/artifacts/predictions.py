"""`data/predictions`, `data/stacked`: a Parquet file for each run, the scores of all repeats."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.artifacts.images import IMAGES, one_hot
from pipeline.core.parquet import (
    from_column,
    metadata,
    read_file,
    to_column,
    vector_type,
    with_metadata,
)
from pipeline.measure.accuracy import hits

FOLDER = Path("data/predictions")
STACKED = Path("data/stacked")


def predictions_path(run: str) -> Path:
    """Of a classifier or a network on pixels."""
    return FOLDER / f"{run}.parquet"


def stacked_path(stack: str) -> Path:
    """Of a stack of classifiers."""
    return STACKED / f"{stack}.parquet"


def scores_path(run: str, *, stacks: Collection[str]) -> Path:
    """Of any run, which may be one of the stacks."""
    return stacked_path(run) if run in stacks else predictions_path(run)


@dataclass(frozen=True)
class Predictions:
    """Scores of R repeats on N pictures of one split.

    scores: (R, N, C) float32 in 0..1; targets: (N, C) of 0 and 1; multilabel: whether a picture may
    have several classes (then the scores of a picture need not sum to 1).
    """

    image_ids: list[str]
    targets: NDArray[np.int8]
    scores: NDArray[np.float32]
    classes: list[str]
    multilabel: bool

    @property
    def hits(self) -> NDArray[np.bool_]:
        """(R, N): whether the top class is (one of) the picture's."""
        return hits(self.scores, self.targets)


def predictions_table(
    rows: pa.Table,
    scores: NDArray[np.float32],
    *,
    classes: list[str],
    multilabel: bool,
    folds: NDArray[np.int64] | None = None,
) -> pa.Table:
    """`rows` (image_id, labels, split) once per repeat with their scores (R, N, C).

    folds: (N,), where the scores are those of a cross-validation.
    """
    repeats, count, length = scores.shape
    columns = [IMAGES.field(name) for name in ("image_id", "labels", "split")]
    schema = with_metadata(
        pa.schema(
            [
                *columns,
                ("repeat", pa.int32()),
                ("fold", pa.int32()),
                ("scores", vector_type(np.float32, length)),
            ]
        ),
        classes=classes,
        multilabel=multilabel,
    )
    repeated = pa.concat_tables([rows.select(["image_id", "labels", "split"])] * repeats)
    numbers = pa.array(np.repeat(np.arange(repeats, dtype=np.int32), count))
    fold = pa.nulls(repeats * count, pa.int32())
    if folds is not None:
        fold = pa.array(np.tile(folds, repeats).astype(np.int32))
    vectors = to_column(scores.reshape(-1, length))
    return pa.Table.from_arrays(
        [*repeated.combine_chunks().columns, numbers, fold, vectors], schema=schema
    )


def read_predictions(path: Path, *, split: str) -> Predictions:
    """The predictions of one split; of "train" those out of fold, none without a cross-validation.

    Errors: `UserError` when the file is missing or damaged.
    """
    table = read_file(path)
    return _predictions(table.filter(pc.equal(table["split"], split)))


def read_folds(path: Path) -> list[Predictions]:
    """The out-of-fold predictions, fold by fold; empty without a cross-validation."""
    table = read_file(path)
    numbers = pc.unique(table["fold"].drop_null()).sort()
    return [_predictions(table.filter(pc.equal(table["fold"], number))) for number in numbers]


def _predictions(table: pa.Table) -> Predictions:
    stored: dict[str, Any] = metadata(table.schema)
    if not table.num_rows:
        width = table.schema.field("scores").type.list_size
        scores = np.empty((0, 0, width), np.float32)
        targets = one_hot([], stored["classes"])
        return Predictions([], targets, scores, stored["classes"], stored["multilabel"])
    repeats = pc.max(table["repeat"]).as_py() + 1
    first = table.filter(pc.equal(table["repeat"], 0))
    scores = from_column(table["scores"]).reshape(repeats, first.num_rows, -1)
    return Predictions(
        image_ids=first["image_id"].to_pylist(),
        targets=one_hot(first["labels"].to_pylist(), stored["classes"]),
        scores=scores.astype(np.float32, copy=False),
        classes=stored["classes"],
        multilabel=stored["multilabel"],
    )


def read_held_out(path: Path) -> tuple[pa.Table, NDArray[np.float32]]:
    """The pictures that are not for training, image_id, labels and split, and scores (R, N, C)."""
    table = read_file(path)
    table = table.filter(pc.not_equal(table["split"], "train"))
    rows = table.filter(pc.equal(table["repeat"], 0)).select(["image_id", "labels", "split"])
    scores = from_column(table["scores"]).reshape(
        -1, rows.num_rows, len(metadata(table.schema)["classes"])
    )
    return rows, scores

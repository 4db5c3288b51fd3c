"""`data/predictions/RUN.parquet`: the scores of one run, all its repeats."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.tables import (
    IMAGES,
    from_vectors,
    metadata,
    read_file,
    replacing,
    to_vectors,
    vector_type,
    with_metadata,
)


def one_hot(labels: list[list[str]], classes: list[str]) -> NDArray[np.int8]:
    """Lists of class names -> (N, C) of 0 and 1, columns in the order of `classes`."""
    targets = np.zeros((len(labels), len(classes)), np.int8)
    column = {name: i for i, name in enumerate(classes)}
    for row, names in enumerate(labels):
        targets[row, [column[name] for name in names]] = 1
    return targets


def in_all_classes(found: NDArray[Any], seen: NDArray[Any], count: int) -> NDArray[np.float32]:
    """Scores (N, S) of the classes `seen` (S,), their numbers -> (N, count), 0 in all others."""
    scores = np.zeros((len(found), count), np.float32)
    scores[:, seen] = found
    return scores


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
    vectors = to_vectors(scores.reshape(-1, length))
    return pa.Table.from_arrays(
        [*repeated.combine_chunks().columns, numbers, fold, vectors], schema=schema
    )


def write_predictions(path: Path, table: pa.Table) -> None:
    """Write the table whole or not at all."""
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


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
    scores = from_vectors(table["scores"]).reshape(repeats, first.num_rows, -1)
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
    scores = from_vectors(table["scores"]).reshape(
        -1, rows.num_rows, len(metadata(table.schema)["classes"])
    )
    return rows, scores

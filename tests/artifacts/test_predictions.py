import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.artifacts.images import one_hot
from pipeline.artifacts.predictions import (
    predictions_table,
    read_folds,
    read_held_out,
    read_predictions,
)
from pipeline.core.parquet import write_file
from pipeline.measure.accuracy import hits

CLASSES = ["Cubism", "Naïve Art", "Pop Art"]
LABELS = [["Cubism"], ["Pop Art", "Cubism"], ["Naïve Art"], ["Pop Art"], ["Cubism"]]
SPLITS = ["validation", "test", "test", "validation", "test"]


@pytest.fixture
def scores():
    return np.random.default_rng(0).random((2, 5, 3), dtype=np.float32)


@pytest.fixture
def path(tmp_path, scores):
    rows = pa.table({"image_id": list("vwxyz"), "labels": LABELS, "split": SPLITS, "more": [0] * 5})
    table = predictions_table(rows, scores, classes=CLASSES, multilabel=True)
    write_file(tmp_path / "new" / "snn.parquet", table)
    return tmp_path / "new" / "snn.parquet"


@pytest.mark.parametrize(
    ("split", "rows", "ids"), [("test", [1, 2, 4], "wxz"), ("validation", [0, 3], "vy")]
)
def test_round_trip(path, scores, split, rows, ids):
    found = read_predictions(path, split=split)
    assert found.image_ids == list(ids)
    assert found.scores.dtype == np.float32
    np.testing.assert_array_equal(found.scores, scores[:, rows])
    np.testing.assert_array_equal(found.targets, one_hot(LABELS, CLASSES)[rows])
    assert (found.classes, found.multilabel) == (CLASSES, True)
    np.testing.assert_array_equal(found.hits, hits(found.scores, found.targets))


def test_the_columns(path, scores):
    table = pq.read_table(path)
    assert table.column_names == ["image_id", "labels", "split", "repeat", "fold", "scores"]
    assert table["repeat"].to_pylist() == [0] * 5 + [1] * 5
    assert table["image_id"].to_pylist() == list("vwxyz") * 2
    np.testing.assert_array_equal(table["scores"].to_pylist(), scores.reshape(10, 3))


def test_missing_and_damaged_files(path, tmp_path, refused):
    with refused("none.parquet", "is missing", "dvc repro"):
        read_predictions(tmp_path / "none.parquet", split="test")
    path.write_bytes(path.read_bytes()[:-10])
    with refused(str(path), "damaged"):
        read_predictions(path, split="test")


def test_out_of_fold_scores(tmp_path, scores):
    """Training pictures once, each with its fold, beside the others with all repeats."""
    held_out = pa.table({"image_id": list("vwxyz"), "labels": LABELS, "split": SPLITS})
    training = held_out.set_column(2, "split", [["train"] * 5])
    folds = np.array([1, 0, 1, 0, 1])
    facts = {"classes": CLASSES, "multilabel": True}
    tables = [
        predictions_table(held_out, scores, **facts),
        predictions_table(training, scores[:1], **facts, folds=folds),
    ]
    write_file(tmp_path / "a.parquet", pa.concat_tables(tables))
    found = read_predictions(tmp_path / "a.parquet", split="train")
    np.testing.assert_array_equal(found.scores, scores[:1])
    parts = read_folds(tmp_path / "a.parquet")
    assert [part.image_ids for part in parts] == [["w", "y"], ["v", "x", "z"]]
    np.testing.assert_array_equal(parts[0].scores, scores[:1, [1, 3]])
    rows, values = read_held_out(tmp_path / "a.parquet")
    assert rows["image_id"].to_pylist() == list("vwxyz")
    np.testing.assert_array_equal(values, scores)


def test_without_folds_there_are_none(path):
    assert read_folds(path) == []
    assert read_predictions(path, split="train").scores.shape == (0, 0, 3)

"""What the stage makes of a small project."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.artifacts import images
from pipeline.artifacts.insight import (
    read_calibration,
    read_conformal,
    read_differences,
    read_doubts,
    read_noise,
    read_reliability,
    read_shortcuts,
    read_summary,
)
from pipeline.artifacts.predictions import predictions_path, read_predictions
from pipeline.core.parquet import Shards
from pipeline.insight.stage import insight, sets_of
from pipeline.params import load_params

RUNS = ["logistic", "snn", "boosted", "adam", "small_cnn", "lenet", "stacked"]


@pytest.fixture
def there(project, monkeypatch):
    """The stage, run there with other parameters; returns what it says."""
    monkeypatch.chdir(project.folder)

    def run(**values):
        project.set(**values)
        params = load_params()
        members = {name: entry.runs for name, entry in params.stacks.items()}
        return insight(params.insight, params.thresholds, cnns=params.cnns, stacks=members)

    return run


def test_every_two_runs_are_compared(made, monkeypatch):
    monkeypatch.chdir(made[0].folder)
    pairs = list(read_differences()[["run", "other"]].itertuples(index=False, name=None))
    assert pairs == [(a, b) for i, a in enumerate(RUNS) for b in RUNS[i + 1 :]]


def test_doubts_are_of_pictures_that_are_there(made, monkeypatch):
    monkeypatch.chdir(made[0].folder)
    shards = Shards(images.PATH)
    rows = {row["image_id"]: row for row in shards.read(shards.schema.names).to_pylist()}
    doubts, noise, summary = read_doubts(), read_noise(), read_summary()["doubts"]
    assert summary["run"] == "logistic"
    assert 0 < summary["scored"] <= len(rows)
    assert summary["listed"] == len(doubts) == noise["counted"].sum()
    for doubt in doubts.itertuples():
        row = rows[doubt.image_id]
        assert (row["image"]["path"], row["split"]) == (doubt.path, doubt.split)
        assert doubt.given in (*row["labels"], "")
        assert doubt.suggested not in row["labels"]


def test_the_doubts_of_a_named_run_and_of_none(there, monkeypatch):
    assert " doubted" in there(**{"insight.doubts.run": "boosted"})
    assert read_summary()["doubts"]["run"] == "boosted"
    scores = {run: {"validation_accuracy": 0.5} for run in RUNS}
    monkeypatch.setattr("pipeline.insight.stage.read_scores", lambda: scores)
    assert "0 labels doubted" in there(**{"insight.doubts.run": "auto"})
    assert read_summary()["doubts"] == {"run": None, "scored": 0, "listed": 0}
    assert len(read_doubts()) == len(read_noise()) == 0


def test_scores_are_compared_with_shares_and_sets_made_of_exclusive_classes(made, monkeypatch):
    monkeypatch.chdir(made[0].folder)
    calibration = read_calibration()
    assert calibration["run"].tolist() == RUNS
    assert calibration["error"].between(calibration["error_low"], calibration["error_high"]).all()
    bins = read_reliability()
    assert set(bins["run"]) == set(RUNS)
    assert bins.groupby("run")["count"].sum().eq(29 * 8).all()  # test pictures, classes
    assert read_conformal().empty  # a picture may have several classes
    test = read_predictions(predictions_path("logistic"), split="test")
    exclusive = replace(
        test, targets=np.eye(8, dtype=np.int8)[test.targets.argmax(1)], multilabel=False
    )
    artists = {image_id: str(i % 12) for i, image_id in enumerate(test.image_ids)}
    params = load_params().insight
    for of, all_classes in ((None, False), (artists, False), (dict.fromkeys(artists, "a"), True)):
        found = sets_of(exclusive, exclusive, of, params)
        assert found["coverage_low"] <= found["coverage"] <= found["coverage_high"]
        assert found["coverage"] > 0.8
        assert (found["threshold"] == np.inf) == (found["size"] == 8) == all_classes


def test_cues_are_tried_one_kind_after_the_other_and_together(made, monkeypatch):
    monkeypatch.chdir(made[0].folder)
    table = read_shortcuts()
    assert table["cues"].iloc[-1] == "all together"
    assert {"file size", "border colour", "greyness"} < {*table["cues"]}
    assert "source folder" not in {*table["cues"]}  # the painters have theirs
    assert table["above"].between(table["above_low"], table["above_high"]).all()

"""What the stage makes of a small project."""

from __future__ import annotations

import pytest

from pipeline.artifacts import images
from pipeline.artifacts.insight import (
    read_differences,
    read_doubts,
    read_noise,
    read_summary,
)
from pipeline.core.parquet import Shards
from pipeline.insight.stage import insight
from pipeline.params import load_params

RUNS = ["logistic", "snn", "boosted", "adam", "small_cnn", "lenet", "stacked"]


@pytest.fixture
def there(project, monkeypatch):
    """The stage, run there with other parameters; returns what it says."""
    monkeypatch.chdir(project.folder)

    def run(**values):
        project.set(**values)
        params = load_params()
        return insight(params.insight, params.thresholds, stacks=params.stacks)

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

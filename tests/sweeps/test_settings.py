"""Sweeps: every setting with every seed, diverged ones among them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from pipeline.artifacts.sweeps import COLUMNS
from pipeline.classifiers.inputs import Inputs
from pipeline.classifiers.params import BoostedRun, KnnRun, SnnRun
from pipeline.sweeps.params import Sweep
from pipeline.sweeps.settings import train_settings, written

BASE = SnnRun(
    kind="snn", input="components", normalize="none", folds="none", threshold=0.5, repeats=2,
    seed=3, hidden=(8,), dropout=0.0, learning_rate=0.1, batch_size=16, epochs=3, clip="none",
    patience="none",
)  # fmt: skip


@pytest.fixture(scope="module")
def inputs():
    rng = np.random.default_rng(0)
    kinds = np.arange(120) % 3
    vectors = (np.eye(3)[kinds] + rng.normal(0, 0.1, (120, 3))).astype(np.float32)
    table = pa.table(
        {
            "labels": [["abc"[k]] for k in kinds],
            "split": ["train"] * 60 + ["validation"] * 30 + ["test"] * 30,
        }
    )
    return Inputs(
        table=table, vectors=vectors, image_shape=None, classes=list("abc"), artists_apart=False,
        provenance={},
    )  # fmt: skip


@pytest.mark.slow(reason="many trainings")
def test_settings_seeds_and_divergence(inputs):
    entry = Sweep(base="snn", vary={"learning_rate": [0.1, 1e30], "hidden": [[4], [8, 4]]})
    table, seconds = train_settings(entry.settings(BASE), inputs, name="rates")
    assert list(table.columns) == COLUMNS
    assert list(table["setting"].drop_duplicates()) == [
        "learning_rate 0.1, hidden 4",
        "learning_rate 0.1, hidden 8-4",
        "learning_rate 1e+30, hidden 4",
        "learning_rate 1e+30, hidden 8-4",
    ]
    assert list(table["seed"]) == [3, 4] * 4
    assert list(table["diverged"]) == [False] * 4 + [True] * 4
    figures = table[["loss", "accuracy", "validation_accuracy", "test_accuracy"]]
    assert figures[:4].notna().all(axis=None)
    assert figures[4:].isna().all(axis=None)
    assert [taken is None for taken in seconds] == [False] * 4 + [True] * 4
    again, _ = train_settings(entry.settings(BASE), inputs, name="rates")
    assert table.equals(again)


@pytest.mark.slow(reason="many trainings")
def test_a_loss_that_runs_away_is_recorded(inputs):
    """It is finite, and so are the scores."""
    base = BoostedRun(
        **BASE.model_dump(exclude={"kind", "epochs", "clip"}), kind="boosted", members=3,
        rule="published", tolerance=0.0, shrinkage=1.0, init="he", epochs=100, clip=0.5,
    )  # fmt: skip
    entry = Sweep(base="boosted", vary={"learning_rate": [0.001, 3.0]})
    table, _ = train_settings(entry.settings(base), inputs, name="rates")
    assert list(table["diverged"]) == [False] * 2 + [True] * 2


def test_one_parameter_needs_no_name():
    assert written({"learning_rate": 0.01}) == "0.01"
    assert written({"hidden": [512, 256]}) == "512-256"
    assert written({"hidden": []}) == "none"


def test_a_setting_that_the_pictures_do_not_allow_is_named(inputs, refused):
    base = KnnRun(
        kind="knn", input="components", normalize="none", folds="none", threshold=0.5, repeats=1,
        seed=0, distance="mse", n_neighbors=1,
    )  # fmt: skip
    entry = Sweep(base="knn", vary={"n_neighbors": [1, 61]})
    with refused("sweeps.k, 61: ", "at most n_samples = 60"):
        train_settings(entry.settings(base), inputs, name="k")

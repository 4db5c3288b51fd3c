"""Comparisons: the same run under splits by picture and by artist."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from project import stages_run

from pipeline.classifiers.inputs import Inputs
from pipeline.classifiers.params import KnnRun
from pipeline.comparisons.comparison import COLUMNS, compare, draw_parts
from pipeline.comparisons.params import Comparison
from pipeline.evaluate.params import Evaluate
from pipeline.ingest.params import Split

NEAREST = KnnRun(
    kind="knn", input="components", normalize="none", folds="none", threshold=0.5, repeats=1,
    seed=0, distance="mse", n_neighbors=1,
)  # fmt: skip
SHARES = Split(by="picture", validation=0.15, test=0.2, near_duplicates="list", seed=0)
EVALUATE = Evaluate(bootstrap=100, seed=0)
ARTISTS = [f"artist {i % 24}" for i in range(240)]
LABELS = [("abc"[i % 3],) for i in range(240)]


def inputs_of(artists, labels=LABELS, split="train"):
    """Vectors that tell the artist, and the class through the artist alone."""
    rng = np.random.default_rng(0)
    styles = {artist: rng.normal(size=8) for artist in dict.fromkeys(artists)}
    vectors = np.array([styles[artist] for artist in artists]) + rng.normal(
        0, 0.01, (len(labels), 8)
    )
    table = pa.table(
        {"labels": [list(row) for row in labels], "artist": pa.array(artists, pa.string()),
         "split": [split] * len(labels)}
    )  # fmt: skip
    return Inputs(
        table=table, vectors=vectors.astype(np.float32), image_shape=None,
        classes=sorted({name for row in labels for name in row}), artists_apart=False,
        provenance={},
    )  # fmt: skip


def compared(inputs, *, run=NEAREST, draws=3, seed=0):
    entry = Comparison(draws=draws, seed=seed)
    return compare("near", run, entry, inputs, shares=SHARES, resampling=EVALUATE)


def test_counts_by_hand_and_accuracies():
    """24 artists of 10 pictures: by artist 16 of them train, 3 validate and 5 test."""
    table = compared(inputs_of(ARTISTS))
    assert list(table.columns) == COLUMNS
    by_picture, by_artist = (table[table["split"] == by] for by in ("picture", "artist"))
    for part in (by_picture, by_artist):
        assert list(part["draw"]) == [0, 1, 2]
    assert set(zip(by_picture["train"], by_picture["test"], strict=True)) == {(156, 48)}
    assert set(zip(by_artist["train"], by_artist["test"], strict=True)) == {(160, 50)}
    assert (by_picture["artists"] > 12).all()
    assert (by_picture["known_artists"] == by_picture["artists"]).all()
    assert set(zip(by_artist["artists"], by_artist["known_artists"], strict=True)) == {(5, 0)}
    assert (by_picture[["accuracy", "accuracy_low", "accuracy_high"]] == 1).all(axis=None)
    hits = 5 * by_artist["accuracy"]  # all pictures of an artist have the same neighbours
    np.testing.assert_allclose(hits, hits.round())
    assert by_artist["accuracy"].mean() < 0.7
    assert (by_artist["accuracy_low"] <= by_artist["accuracy"]).all()
    assert (by_artist["accuracy"] <= by_artist["accuracy_high"]).all()


@pytest.mark.slow(reason="many trainings")
def test_the_seed_decides_and_the_prescribed_split_does_not():
    table = compared(inputs_of(ARTISTS))
    assert table.equals(compared(inputs_of(ARTISTS, split="test")))
    more = compared(inputs_of(ARTISTS), draws=4)
    assert more[more["draw"] < 3].reset_index(drop=True).equals(table)
    later = compared(inputs_of(ARTISTS), seed=1)
    assert list(later["accuracy"][3:]) == list(more["accuracy"][5:])  # its draw 0 is draw 1 here
    assert list(table["accuracy"][3:]) != list(later["accuracy"][3:])


@pytest.mark.parametrize("by", ["picture", "artist"])
def test_the_parts_of_a_draw(by):
    """Complete and disjoint; the only artist of a class is tested in neither way."""
    artists, labels = [*ARTISTS, *["alone"] * 20], [*LABELS, *[("a", "d")] * 20]
    alone = np.array(artists) == "alone"
    tests = set()
    for seed in range(5):
        rng = np.random.default_rng(seed)
        train, validation, test = draw_parts(by, labels, artists, shares=SHARES, rng=rng)
        used = np.sum([train, validation, test], axis=0)
        assert set(used[~alone]) == {1}
        assert not (test & alone).any()
        if by == "artist":
            assert (train & alone).sum() == 20
            sides = [set(np.array(artists)[part]) for part in (train, validation, test)]
            assert sum(map(len, sides)) == 25
        tests.add(tuple(np.flatnonzero(test)))
    assert len(tests) == 5


def test_without_artists_there_is_nothing_to_compare():
    table = compared(
        replace(
            inputs_of(ARTISTS),
            table=inputs_of(ARTISTS).table.set_column(1, "artist", pa.nulls(240, pa.string())),
        )
    )
    assert (list(table.columns), len(table)) == (COLUMNS, 0)


def test_pictures_without_an_artist_take_no_part():
    table = compared(inputs_of([None if name == "artist 3" else name for name in ARTISTS]))
    assert len(table) > 0
    assert (table["train"] + table["test"]).max() <= 230
    assert table["artists"].max() <= len(set(ARTISTS)) - 1


@pytest.mark.slow(reason="many trainings")
def test_mistakes_are_one_line(refused):
    of_one = [f"artist {row[0]}" for row in LABELS]
    with refused(
        "comparisons.near: the test part by picture is empty", "3 artists, 3 of them alone"
    ):
        compared(inputs_of(of_one))
    two = [f"artist {i % 2}" for i in range(240)]
    with refused("comparisons.near: the ", "part by artist is empty (240 pictures by 2 artists"):
        compared(inputs_of(two))
    with refused("comparisons.near: ", "at most n_samples = 156"):
        compared(inputs_of(ARTISTS), run=NEAREST.model_copy(update={"n_neighbors": 1000}))


def test_an_entry_is_a_stage_and_a_part_of_the_page(project):
    file, page = (
        project.folder / "reports" / name for name in ("comparisons/logistic.csv", "index.html")
    )
    title = "By picture and by artist"
    assert title in page.read_text("utf-8")
    before = pd.read_csv(file)
    project.set(**{"comparisons.logistic.draws": 3})
    assert stages_run(project.run("dvc", "repro")) == ["comparison@logistic", "report"]
    table = pd.read_csv(file)
    assert list(table["split"]) == ["picture"] * 3 + ["artist"] * 3
    assert table[table["draw"] < 2].reset_index(drop=True).equals(before)
    assert (table.loc[table["split"] == "artist", "known_artists"] == 0).all()
    project.set(comparisons={})
    assert stages_run(project.run("dvc", "repro")) == ["report"]
    assert title not in page.read_text("utf-8")

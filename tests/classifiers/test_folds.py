"""Folds: disjoint, complete, stratified, by artist where the split is."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from pipeline.classifiers.folds import assign_folds
from pipeline.classifiers.inputs import Inputs
from pipeline.classifiers.repeats import folds_of

LABELS = [("a",)] * 40 + [("b",)] * 20 + [("a", "b")] * 11 + [("c",)] * 5


@pytest.mark.parametrize("folds", [2, 3, 5])
def test_every_picture_is_held_out_once_and_the_shares_are_kept(folds):
    found = assign_folds(LABELS, None, folds=folds, seed=0)
    assert set(found) == set(range(folds))
    for labels, count in Counter(LABELS).items():
        held_out = Counter(found[[row == labels for row in LABELS]])
        assert all(abs(n - count / folds) < 1 for n in held_out.values())
        assert sum(held_out.values()) == count


def test_the_seed_decides():
    first, again, other = (assign_folds(LABELS, None, folds=5, seed=s) for s in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_an_artist_is_in_one_fold():
    artists = [f"{row[0]}{i % 7}" for i, row in enumerate(LABELS)]
    found = assign_folds(LABELS, artists, folds=4, seed=0)
    assert set(found) == set(range(4))
    for artist in set(artists):
        assert len({f for f, name in zip(found, artists, strict=True) if name == artist}) == 1


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_by_artist_the_classes_have_their_shares_in_every_fold(seed):
    """scikit-learn before 1.8 shuffled artists whatever their classes: up to 0.24 away here."""
    rng = np.random.default_rng(seed)
    homes = rng.choice(3, 90, p=[0.6, 0.3, 0.1])  # most pictures of an artist are of one class
    artists = np.repeat(np.arange(90), rng.integers(3, 20, 90))
    classes = np.where(
        rng.random(len(artists)) < 0.9, homes[artists], rng.integers(3, size=len(artists))
    )
    found = assign_folds(
        [("abc"[c],) for c in classes], [str(a) for a in artists], folds=5, seed=seed
    )
    shares = np.bincount(classes, minlength=3) / len(classes)
    for fold in range(5):
        held_out = classes[found == fold]
        assert len(held_out) == pytest.approx(len(classes) / 5, rel=0.1)
        assert np.bincount(held_out, minlength=3) / len(held_out) == pytest.approx(shares, abs=0.04)


@pytest.mark.parametrize(
    "labels",
    [
        [("a", "b")] * 20 + [("b",)] * 2 + [("a",)] * 8,  # b alone in fewer pictures than folds
        [tuple("abcd"[(i + j) % 4] for j in range(3)) for i in range(16)],  # a first in four
    ],
)
def test_by_artist_any_order_of_the_labels_will_do(labels):
    artists = [f"x{i % 9}" for i in range(len(labels))]
    assert set(assign_folds(labels, artists, folds=5, seed=0)) == set(range(5))


@pytest.mark.parametrize("apart", [True, False])
def test_folds_are_by_artist_where_the_split_is(apart):
    rows = [("train", f"x{i % 8}") for i in range(64)] + [("test", "y")] * 8
    table = pa.table(
        {
            "labels": [["ab"[i % 2]] for i in range(72)],
            "split": [row[0] for row in rows],
            "artist": [row[1] for row in rows],
        }
    )
    inputs = Inputs(
        table=table, classes=["a", "b"], artists_apart=apart, vectors=np.zeros((72, 1), np.float32),
        image_shape=None, provenance={},
    )  # fmt: skip
    found = folds_of(inputs, 4, seed=0)
    together = [len(set(found[i::8])) == 1 for i in range(8)]  # the pictures of an artist
    assert (len(found), all(together)) == (64, apart)


@pytest.mark.parametrize("by_artist", [False, True])
def test_classes_of_fewer_pictures_than_folds_are_never_held_out(by_artist):
    labels = [*LABELS, ("rare",), ("rare", "a"), ("rare",)]
    artists = [str(i % 30) for i in range(len(labels))] if by_artist else None
    found = assign_folds(labels, artists, folds=6, seed=0)  # of c there are 5
    small = np.array([bool({"c", "rare"} & set(row)) for row in labels])
    assert (found[small] == -1).all()
    assert set(found[~small]) == set(range(6))
    others = [row for row, left in zip(labels, small, strict=True) if not left]
    theirs = None if artists is None else np.array(artists)[~small].tolist()
    np.testing.assert_array_equal(found[~small], assign_folds(others, theirs, folds=6, seed=0))


def test_more_folds_than_pictures_or_artists(refused):
    with refused("folds is 72", "the largest class, 'a', has 51 training pictures"):
        assign_folds(LABELS, None, folds=72, seed=0)
    with refused("folds is 3", "by 2 artists"):
        assign_folds(LABELS, ["x", *["y"] * (len(LABELS) - 1)], folds=3, seed=0)

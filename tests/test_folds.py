"""Folds: disjoint, complete, stratified, by artist where the split is."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from pipeline.folds import assign_folds

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


def test_more_folds_than_pictures_or_artists(refused):
    with refused("folds is 6", "class 'c' has 5 training pictures", "at most 5"):
        assign_folds(LABELS, None, folds=6, seed=0)
    with refused("folds is 3", "by 2 artists"):
        assign_folds(LABELS, ["x", *["y"] * (len(LABELS) - 1)], folds=3, seed=0)

"""Accuracy with and without copied pictures, by hand and in a simulation."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.insight.copies import without_copies


def test_by_hand(rng):
    hits = {"a": np.array([1, 1, 0, 0.5]), "b": np.array([0, 0, 1, 1.0])}
    copied = np.array([True, True, False, False])
    table = without_copies(hits, copied, np.arange(4), resamples=200, rng=rng)
    assert table["run"].tolist() == ["a", "b"]
    assert table["accuracy"].tolist() == [0.625, 0.5]
    assert table["without"].tolist() == [0.25, 1.0]
    assert table["difference"].tolist() == [-0.375, 0.5]
    assert (table["difference_low"] <= table["difference"]).all()
    assert (table["difference"] <= table["difference_high"]).all()


@pytest.mark.parametrize("copied", [np.full(4, False), np.full(4, True)])
def test_no_row_where_nothing_can_be_told_apart(rng, copied):
    assert without_copies({"a": np.ones(4)}, copied, np.arange(4), resamples=9, rng=rng).empty


def test_a_single_artist_tells_nothing_of_others(rng):
    copied = np.array([True, False])
    table = without_copies({"a": np.ones(2)}, copied, np.zeros(2, int), resamples=9, rng=rng)
    assert table[["difference_low", "difference_high"]].to_numpy().tolist() == [[-1, 1]]


@pytest.mark.slow(reason="many test sets are drawn")
@pytest.mark.parametrize("by_artist", [False, True])
def test_the_interval_holds_the_difference(by_artist):
    """Copied pictures are right more often: 0.3 are copied, of these 0.9 right, of others 0.6."""
    rng = np.random.default_rng(4)
    expected, held = 0.6 - (0.3 * 0.9 + 0.7 * 0.6), 0
    for _ in range(500):
        copied = rng.random(300) < 0.3
        hits = (rng.random(300) < np.where(copied, 0.9, 0.6)).astype(float)
        groups = np.arange(300) // (5 if by_artist else 1)
        table = without_copies({"a": hits}, copied, groups, resamples=300, rng=rng)
        held += table["difference_low"][0] <= expected <= table["difference_high"][0]
    assert 0.93 <= held / 500 <= 0.97

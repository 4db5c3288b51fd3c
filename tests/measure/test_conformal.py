"""Prediction sets and their threshold by hand."""

from __future__ import annotations

import hashlib

import numpy as np

from pipeline.core.digests import digest
from pipeline.measure.conformal import (
    adaptive_scores,
    conformal_threshold,
    own_draws,
    prediction_sets,
)


def test_levels_by_hand():
    scores, draws = np.array([[0.2, 0.5, 0.3], [0.4, 0.4, 0.2]]), np.array([0.5, 0.5])
    np.testing.assert_allclose(adaptive_scores(scores, draws), [[0.9, 0.25, 0.65], [0.2, 0.6, 0.9]])
    np.testing.assert_array_equal(prediction_sets(scores, draws, 0.66), [[0, 1, 1], [1, 1, 0]])


def test_no_set_is_empty():
    scores, draws = np.array([[0.1, 0.9], [0.9, 0.1]]), np.array([1.0, 0.5])
    np.testing.assert_array_equal(prediction_sets(scores, draws, 0.5), [[0, 1], [1, 0]])
    np.testing.assert_array_equal(prediction_sets(scores, draws, np.inf), np.ones((2, 2)))


def test_the_threshold_is_the_quantile_of_one_more(rng):
    """Of single pictures the ceil((n + 1) coverage)-th level; of groups by their weights."""
    levels = rng.random(99)
    each = np.arange(99)
    assert conformal_threshold(levels, each, coverage=0.9) == np.sort(levels)[89]
    assert conformal_threshold(levels[:9], each[:9], coverage=0.9) == levels[:9].max()
    assert conformal_threshold(levels[:8], each[:8], coverage=0.9) == np.inf
    groups = np.array([0, 0, 0, 0, 1, 2])  # a quarter for each group and for infinity
    levels = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    assert conformal_threshold(levels, groups, coverage=0.2) == 0.4
    assert conformal_threshold(levels, groups, coverage=0.4) == 0.5
    assert conformal_threshold(levels, groups, coverage=0.75) == 0.6


def test_a_pictures_own_draw_is_as_good_as_drawn():
    draws = own_draws([digest(str(i).encode()) for i in range(20_000)])
    assert 0 <= draws.min() <= draws.max() <= 1
    counts, _ = np.histogram(draws, 20, (0, 1))
    assert abs(counts - 1000).max() < 5 * 1000**0.5
    first = int(hashlib.sha256(b"0").hexdigest()[:16], 16) / 16**16
    assert own_draws([digest(b"0")]).tolist() == [first]

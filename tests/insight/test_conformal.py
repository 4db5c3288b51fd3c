"""Prediction sets by hand, and their coverage in simulations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from pipeline.insight.conformal import (
    Held,
    adaptive_scores,
    conformal_threshold,
    mean_over_groups,
    prediction_sets,
)

CLASSES = 6


class Half:
    """A generator that draws 0.5."""

    def random(self, shape):
        return np.full(shape, 0.5)


def test_levels_by_hand():
    levels = adaptive_scores(np.array([[0.2, 0.5, 0.3], [0.4, 0.4, 0.2]]), rng=Half())
    np.testing.assert_allclose(levels, [[0.9, 0.25, 0.65], [0.2, 0.6, 0.9]])
    held = prediction_sets(levels, 0.65)
    np.testing.assert_array_equal(held, [[0, 1, 1], [1, 1, 0]])


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


def pictures(rng, artists):
    """Scores, targets and artists; an artist's pictures are alike in how well they are known."""
    sizes = rng.integers(1, 30, artists)
    groups = np.repeat(np.arange(artists), sizes)
    logits = rng.normal(0, 1.5, (len(groups), CLASSES))
    sharpness = np.exp(rng.normal(0, 0.7, artists))[groups, None]
    truth = softmax(logits * sharpness, axis=1)
    drawn = (truth.cumsum(1) > rng.random((len(groups), 1))).argmax(1)
    return softmax(logits, axis=1), np.eye(CLASSES, dtype=int)[drawn], groups


@pytest.mark.slow(reason="many sets are drawn")
@pytest.mark.parametrize("coverage", [0.8, 0.9])
@pytest.mark.parametrize("by_artist", [False, True])
def test_the_sets_hold_the_class_as_often_as_asked(by_artist, coverage):
    """Mean over draws of validation and test; by artist it is promised to be at least so much."""
    rng = np.random.default_rng(3)
    found = []
    for _ in range(300):
        scores, targets, groups = pictures(rng, 40)
        if not by_artist:  # one picture of each artist, so that all are exchangeable
            _, first = np.unique(groups, return_index=True)
            scores, targets, groups = scores[first], targets[first], np.arange(40)
        test_scores, test_targets, test_groups = pictures(rng, 40)
        held = Held.of(
            (scores, targets), (test_scores, test_targets), groups, coverage=coverage, rng=rng
        )
        found.append(mean_over_groups(held.covered, test_groups, resamples=1, rng=rng)[0])
    mean, error = np.mean(found), np.std(found) / 300**0.5
    assert coverage - 3 * error <= mean <= coverage + 1 / 41 + 3 * error
    assert held.sizes.max() <= CLASSES


def test_too_few_artists_promise_nothing_less_than_all_classes(rng):
    scores, targets, groups = pictures(rng, 5)
    held = Held.of((scores, targets), (scores, targets), groups, coverage=0.9, rng=rng)
    assert held.threshold == np.inf
    assert (held.sizes == CLASSES).all()
    assert held.covered.all()


def test_the_mean_over_artists_and_its_interval(rng):
    values, groups = np.array([1, 1, 0, 0, 1]), np.array([0, 0, 0, 1, 2])
    mean, low, high = mean_over_groups(values, groups, resamples=1000, rng=rng)
    assert mean == pytest.approx((2 / 3 + 0 + 1) / 3)
    assert 0 <= low < mean < high <= 1
    assert mean_over_groups(values, np.zeros(5, int), resamples=9, rng=rng)[1:] == (0, 1)

"""The coverage of sets in simulations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from pipeline.insight.conformal import Held, mean_over_groups

CLASSES = 6


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
            (scores, targets, rng.random(len(scores))),
            (test_scores, test_targets, rng.random(len(test_scores))),
            groups,
            coverage=coverage,
        )
        found.append(mean_over_groups(held.covered, test_groups, resamples=1, rng=rng)[0])
    mean, error = np.mean(found), np.std(found) / 300**0.5
    assert coverage - 3 * error <= mean <= coverage + 1 / 41 + 3 * error
    assert 1 <= held.sizes.min() <= held.sizes.max() <= CLASSES


def test_too_few_artists_promise_nothing_less_than_all_classes(rng):
    scores, targets, groups = pictures(rng, 5)
    known = (scores, targets, rng.random(len(scores)))
    held = Held.of(known, known, groups, coverage=0.9)
    assert held.threshold == np.inf
    assert (held.sizes == CLASSES).all()
    assert held.covered.all()


def test_the_mean_over_artists_and_its_interval(rng):
    values, groups = np.array([1, 1, 0, 0, 1]), np.array([0, 0, 0, 1, 2])
    mean, low, high = mean_over_groups(values, groups, resamples=1000, rng=rng)
    assert mean == pytest.approx((2 / 3 + 0 + 1) / 3)
    assert 0 <= low < mean < high <= 1
    assert mean_over_groups(values, np.zeros(5, int), resamples=9, rng=rng)[1:] == (0, 1)

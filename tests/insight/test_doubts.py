"""Confident learning by hand, where it is exact, and in simulations with known flips."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from pipeline.insight.doubts import (
    calibrated_joint,
    confident_joint,
    doubts_and_noise,
    normalized_margin,
)

NAMES = ["a", "b", "c"]


def test_by_hand():
    scores = np.array(
        [[0.9, 0.1, 0.0], [0.7, 0.3, 0.0], [0.2, 0.8, 0.0], [0.5, 0.5, 0.0], [0.1, 0.6, 0.3]]
    )
    given = np.array([0, 0, 0, 1, 1])
    # Thresholds: a 0.6, b 0.55; c has none. The fourth picture reaches neither.
    counts, confident = confident_joint(scores, given)
    assert confident.tolist() == [0, 0, 1, -1, 1]
    np.testing.assert_array_equal(counts, [[2, 1, 0], [0, 1, 0], [0, 0, 0]])
    joint = calibrated_joint(counts, given)
    np.testing.assert_allclose(joint, [[0.4, 0.2, 0], [0, 0.4, 0], [0, 0, 0]])
    np.testing.assert_allclose(normalized_margin(scores, given), [0.8, 0.4, -0.6, 0, 0.3])
    doubts, noise = doubts_and_noise(scores, np.eye(3, dtype=int)[given], NAMES, multilabel=False)
    assert doubts.to_dict("list") == {
        "picture": [2], "given": ["a"], "suggested": ["b"], "score": [-0.6],
    }  # fmt: skip
    assert noise.iloc[0].to_dict() == {
        "given": "a", "actual": "b", "counted": 1, "share": pytest.approx(0.2),
        "of_given": pytest.approx(1 / 3),
    }  # fmt: skip


def flipped(rng, actual, rate, n_classes):
    """Labels of which a share `rate` is another class, and which."""
    other = (actual + rng.integers(1, n_classes, len(actual))) % n_classes
    flip = rng.random(len(actual)) < rate
    return np.where(flip, other, actual), flip


def test_ideal_scores_find_every_error(rng):
    """Theorem 1: scores that are p(given | actual) give the joint exactly, whatever the noise."""
    noise = np.array([[0.8, 0.1, 0.0], [0.2, 0.7, 0.1], [0.0, 0.2, 0.9]])  # given by actual
    actual = rng.choice(3, size=4000, p=[0.5, 0.3, 0.2])
    given = np.array([rng.choice(3, p=noise[:, k]) for k in actual])
    counts, confident = confident_joint(noise[:, actual].T, given)
    expected = np.zeros((3, 3))
    np.add.at(expected, (given, actual), 1)
    np.testing.assert_array_equal(confident, actual)
    np.testing.assert_array_equal(counts, expected)
    np.testing.assert_allclose(calibrated_joint(counts, given), expected / 4000)


def gaussians(rng, count, n_classes, spread):
    actual = rng.integers(n_classes, size=count)
    return actual, rng.normal(size=(n_classes, 8))[actual] * spread + rng.normal(size=(count, 8))


@pytest.mark.parametrize("spread", [2.0, 4.0])
def test_five_of_a_hundred_labels_flipped(rng, spread):
    """Scores by scikit-learn's cross-validation, as the folds of a run are."""
    actual, x = gaussians(rng, 3000, 4, spread)
    given, flip = flipped(rng, actual, 0.05, 4)
    scores = cross_val_predict(LogisticRegression(), x, given, cv=5, method="predict_proba")
    targets = np.eye(4, dtype=int)[given]
    doubts, noise = doubts_and_noise(scores, targets, list("abcd"), multilabel=False)
    truth = np.zeros((4, 4))
    np.add.at(truth, (given, actual), 1 / 3000)
    assert noise["share"].sum() == pytest.approx(flip.mean(), abs=0.02)
    for row in noise.itertuples():
        expected = truth["abcd".index(row.given), "abcd".index(row.actual)]
        assert row.share == pytest.approx(expected, abs=0.005)
    first = doubts.head(int(flip.sum()))
    right = flip[first["picture"]] & (
        np.array(list("abcd"))[actual[first["picture"]]] == first["suggested"]
    )
    assert right.mean() > (0.95 if spread == 4.0 else 0.8)  # precision
    recall = flip[doubts["picture"]].sum() / flip.sum()
    assert recall > (0.8 if spread == 4.0 else 0.7)


def test_without_flips_little_is_doubted(rng):
    actual, x = gaussians(rng, 2000, 4, 4.0)
    scores = cross_val_predict(LogisticRegression(), x, actual, cv=5, method="predict_proba")
    doubts, noise = doubts_and_noise(
        scores, np.eye(4, dtype=int)[actual], list("abcd"), multilabel=False
    )
    assert len(doubts) < 10
    assert noise["share"].sum() < 0.005


def test_several_labels_are_asked_for_one_by_one(rng):
    """Of 2000 pictures each label is wrong or missing on about 5 in 100."""
    actual = (rng.random((2000, 3)) < [0.5, 0.3, 0.2]).astype(int)
    flip = rng.random(actual.shape) < 0.05
    targets = np.where(flip, 1 - actual, actual)
    scores = np.clip(np.where(actual, 0.9, 0.1) + rng.normal(0, 0.1, actual.shape), 0, 1)
    doubts, noise = doubts_and_noise(scores, targets, NAMES, multilabel=True)
    assert doubts["score"].is_monotonic_increasing
    found = {(row.picture, row.given or row.suggested) for row in doubts.itertuples()}
    planted = {(i, NAMES[c]) for i, c in np.argwhere(flip)}
    assert len(found & planted) / len(found) > 0.95
    assert len(found & planted) / len(planted) > 0.6  # the thresholds are means
    for row in doubts.head(50).itertuples():
        column = NAMES.index(row.given or row.suggested)
        assert bool(row.given) == bool(targets[row.picture, column])
        assert (row.given == "") != (row.suggested == "")
    missing = noise.set_index(["given", "actual"]).loc[("", "a"), "share"]
    assert missing == pytest.approx((flip[:, 0] & (actual[:, 0] == 1)).mean(), abs=0.003)

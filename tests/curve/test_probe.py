"""What the head is trained on, and what counts as right."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from pipeline.classifiers.ridge import RidgeClassifier
from pipeline.curve.probe import Part, Right, Split, probed, rotated


def parts(rng, count=60, classes=3, features=5):
    centres = 2 * rng.normal(size=(classes, features))
    label = rng.integers(classes, size=count)
    x = (centres[label] + rng.normal(size=(count, features))).astype(np.float32)
    return Part(x, np.eye(classes, dtype=np.int8)[label])


@pytest.mark.parametrize("multilabel", [False, True])
def test_the_last_size_is_the_projects_ridge_of_all(rng, multilabel):
    train, held = (whole := parts(rng, 90))[:60], whole[60:]
    orders = [rng.permutation(60) for _ in range(3)]
    split = Split(train, held, held)
    scores = probed(split, orders, np.array([10, 60]), multilabel=multilabel)
    assert scores.shape == (2, 3, 30, 3)
    y = [p.targets if multilabel else p.targets.argmax(1) for p in (train, held)]
    head = RidgeClassifier(alpha="auto").fit(train.x, y[0], validation=(held.x, y[1]))
    for draw in scores[-1]:
        np.testing.assert_allclose(draw, head.predict_proba(held.x), atol=1e-5)
    assert not np.array_equal(scores[0, 0], scores[0, 1])


def test_a_class_that_a_subset_lacks_scores_nothing(rng):
    whole = parts(rng, 90)
    order = np.argsort(whole.targets[:60].argmax(1) == 2, kind="stable")  # class 2 comes last
    split = Split(whole[:60], whole[60:], whole[60:])
    scores = probed(split, [order], np.array([10, 60]), multilabel=False)
    assert (scores[0, 0, :, 2] == 0).all()
    assert (scores[1, 0, :, 2] > 0).all()


def test_what_is_right_by_hand():
    targets = np.array([[1, 0, 0], [0, 1, 1]])
    scores = np.array([[[[0.2, 0.5, 0.3], [0.9, 0.1, 0.3]]]])
    right = Right.of(scores, targets)
    assert right.hits.tolist() == [[[False, False]]]
    assert right.picture.tolist() == [0, 1, 1]
    assert right.column.tolist() == [0, 1, 2]
    assert right.found.tolist() == [[[False, False, True]]]


def test_of_exclusive_classes_both_are_the_same(rng):
    whole = parts(rng, 50)
    right = Right.of(rng.random((2, 3, 50, 3)), whole.targets)
    np.testing.assert_array_equal(right.hits, right.found)


def test_more_features_than_pictures_are_turned_and_say_the_same(rng):
    x = rng.normal(size=(30, 100)).astype(np.float32)
    y = rng.normal(size=20)
    turned = rotated(x)
    assert turned.shape == (30, 30)
    found, expected = (Ridge(alpha=3.0).fit(z[:20], y).predict(z[20:]) for z in (turned, x))
    np.testing.assert_allclose(found, expected, atol=1e-3)
    assert rotated(x.T) is not None
    np.testing.assert_array_equal(rotated(x[:, :20]), x[:, :20])

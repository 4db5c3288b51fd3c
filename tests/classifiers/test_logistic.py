"""Logistic regression: scikit-learn's, with this project's conventions."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss as sklearn_log_loss
from sklearn.utils.estimator_checks import parametrize_with_checks

from pipeline.classifiers.linear import log_loss
from pipeline.classifiers.logistic import PATH, LogisticClassifier
from pipeline.measure.accuracy import best_tried


@parametrize_with_checks([LogisticClassifier()])
@pytest.mark.filterwarnings("ignore:SCIPY_ARRAY_API is not set")
def test_scikit_learn_conventions(estimator, check):
    check(estimator)


@pytest.mark.parametrize("classes", [2, 4])
def test_against_scikit_learn(classes):
    X, y = make_classification(200, 12, n_informative=6, n_classes=classes, random_state=0)
    found = LogisticClassifier(C=0.3).fit(X, y)
    expected = LogisticRegression(C=0.3, max_iter=1000).fit(X, y)
    np.testing.assert_allclose(found.predict_proba(X), expected.predict_proba(X), atol=1e-6)
    np.testing.assert_array_equal(found.predict(X), expected.predict(X))


def test_labels_decide_for_themselves():
    X, y = make_classification(200, 12, n_informative=6, n_classes=4, random_state=0)
    Y = np.stack([y % 2, y // 2, np.zeros_like(y), np.ones_like(y)], axis=1)
    found = LogisticClassifier().fit(X, Y)
    for column in (0, 1):
        expected = LogisticRegression(max_iter=1000).fit(X, Y[:, column]).predict_proba(X)[:, 1]
        np.testing.assert_allclose(found.predict_proba(X)[:, column], expected, atol=1e-6)
    assert found.predict_proba(X)[:, 2].max() < 1e-9
    assert found.predict_proba(X)[:, 3].min() > 1 - 1e-9
    np.testing.assert_array_equal(found.predict(X)[:, 2:], Y[:, 2:])


@pytest.mark.parametrize("multilabel", [False, True])
def test_round_trip(multilabel):
    X, y = make_classification(100, 8, n_informative=5, n_classes=3, random_state=0)
    fitted = LogisticClassifier().fit(X, np.eye(3, dtype=int)[y] if multilabel else y)
    loaded = LogisticClassifier().load_state_dict(
        fitted.state_dict(), classes=fitted.classes_, multilabel=multilabel
    )
    np.testing.assert_array_equal(loaded.predict_proba(X), fitted.predict_proba(X))
    assert loaded.n_parameters_ == 3 * (8 + 1)


# ---------------------------------------------------------------- C: auto


@pytest.fixture
def halves():
    """(X, y) to train on and (X, y) to choose with; many inputs that say nothing."""
    X, y = make_classification(300, 60, n_informative=6, n_classes=3, flip_y=0.2, random_state=0)
    return (X[:150], y[:150]), (X[150:], y[150:])


@pytest.mark.parametrize("multilabel", [False, True])
def test_auto_is_the_best_of_the_fits_with_each_value(multilabel, halves):
    samples, held_out = ((X, np.eye(3, dtype=int)[y] if multilabel else y) for X, y in halves)
    found = LogisticClassifier("auto").fit(*samples, validation=held_out)
    alone = [LogisticClassifier(tried.value).fit(*samples) for tried in found.path_]
    for fitted, tried in zip(alone, found.path_, strict=True):
        p, y = fitted.predict_proba(held_out[0]), held_out[1]
        expected = (
            np.mean([sklearn_log_loss(y[:, label], p[:, label]) for label in range(3)])
            if multilabel
            else sklearn_log_loss(y, p)
        )
        assert tried.log_loss == pytest.approx(expected, abs=2e-3)
    best = best_tried(found.path_)
    expected = alone[found.path_.index(best)].predict_proba(held_out[0])
    np.testing.assert_allclose(found.predict_proba(held_out[0]), expected, atol=5e-3)
    if not multilabel:
        assert best.accuracy == found.score(*held_out)


def test_a_path_ends_three_values_after_the_best(halves):
    samples, held_out = halves
    path = LogisticClassifier("auto").fit(*samples, validation=held_out).path_
    assert [tried.value for tried in path] == list(PATH[: len(path)])
    losses = [tried.log_loss for tried in path]
    assert len(path) == int(np.argmin(losses)) + 1 + 3 < len(PATH)


def test_the_whole_path_is_long_enough():
    assert len(PATH) >= 12


def test_a_log_loss_that_only_falls_is_followed_to_the_end():
    X, y = make_classification(200, 4, class_sep=3, flip_y=0, n_redundant=0, random_state=0)
    path = LogisticClassifier("auto").fit(X, y, validation=(X, y)).path_
    assert [tried.value for tried in path] == list(PATH)


def test_auto_needs_validation_samples(halves):
    with pytest.raises(ValueError, match="C auto is chosen on validation samples and there are no"):
        LogisticClassifier("auto").fit(*halves[0])


def test_a_class_that_training_lacks_counts_as_a_miss(halves):
    (X, y), (X_new, y_new) = halves
    known = y < 2
    found = LogisticClassifier("auto").fit(X[known], y[known], validation=(X_new, y_new))
    assert best_tried(found.path_).accuracy == found.score(X_new, y_new)


def test_a_single_value_leaves_no_path(halves):
    assert LogisticClassifier(1.0).fit(*halves[0]).path_ == []


def test_log_loss_by_hand():
    p = np.array([[0.5, 0.5], [0.25, 0.75], [1.0, 0.0]])
    labels, none = np.array([[1, 0], [0, 1], [0, 1]]), np.array([[1, 0], [0, 0], [0, 0]])
    of_three = -np.log([0.5, 0.75, 1e-7]).sum() / 3
    assert log_loss(p, labels, multilabel=False) == pytest.approx(of_three)
    assert log_loss(p, none, multilabel=False) == pytest.approx(-np.log(0.5) / 3)
    of_six = -np.log([0.5, 0.5, 0.75, 0.25, 1e-7, 1 - 1e-7]).sum() / 6
    assert log_loss(p, none, multilabel=True) == pytest.approx(of_six)

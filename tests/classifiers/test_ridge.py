"""Ridge regression of the classes, against scikit-learn's and SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, softmax
from sklearn.datasets import make_classification
from sklearn.linear_model import Ridge
from sklearn.metrics import log_loss
from sklearn.utils.estimator_checks import parametrize_with_checks

from pipeline.classifiers.ridge import PATH, RidgeClassifier
from pipeline.measure.accuracy import best_tried


@parametrize_with_checks([RidgeClassifier()])
def test_scikit_learn_conventions(estimator, check):
    check(estimator)


@pytest.fixture(params=["more samples", "more features"])
def halves(request):
    """(X, y) to train on and (X, y) to choose with."""
    features = {"more samples": 20, "more features": 200}[request.param]
    X, y = make_classification(
        240, features, n_informative=8, n_classes=3, flip_y=0.2, random_state=0
    )
    return (X[:120] + 3, y[:120]), (X[120:] + 3, y[120:])


@pytest.mark.parametrize("alpha", [0.1, 100.0])
def test_scores_are_scikit_learns_times_one_factor(alpha, halves):
    (X, y), (X_new, _) = halves
    found = RidgeClassifier(alpha).fit(X, y)
    expected = Ridge(alpha).fit(X, np.eye(3)[y])
    t = np.linalg.norm(found.coef_) / np.linalg.norm(expected.coef_)
    np.testing.assert_allclose(
        found.predict_proba(X_new), softmax(t * expected.predict(X_new), axis=1), rtol=1e-6
    )


def test_the_factor_has_the_least_log_loss_of_the_validation_samples(halves):
    (X, y), (X_new, y_new) = halves
    scores = Ridge(10.0).fit(X, np.eye(3)[y]).predict(X_new)
    least = minimize(
        lambda log_t: log_loss(y_new, softmax(np.exp(log_t) * scores, axis=1)), 0.0
    ).fun
    found = RidgeClassifier(10.0).fit(X, y, validation=(X_new, y_new)).predict_proba(X_new)
    assert log_loss(y_new, found) == pytest.approx(least, abs=1e-6)


def test_every_label_is_above_one_half_where_its_score_is(halves):
    (X, y), (X_new, _) = halves
    Y = np.eye(3, dtype=int)[y] | np.eye(3, dtype=int)[(y + (X[:, 0] > 3)) % 3]
    found = RidgeClassifier(10.0).fit(X, Y)
    scores = Ridge(10.0).fit(X, Y).predict(X_new)
    np.testing.assert_array_equal(found.predict(X_new), scores > 0.5)
    t = np.linalg.norm(found.coef_) / np.linalg.norm(Ridge(10.0).fit(X, Y).coef_)
    np.testing.assert_allclose(found.predict_proba(X_new), expit(t * (scores - 0.5)), rtol=1e-6)


@pytest.mark.parametrize("multilabel", [False, True])
def test_auto_is_the_best_of_the_fits_with_each_value(multilabel, halves):
    samples, held_out = ((X, np.eye(3, dtype=int)[y] if multilabel else y) for X, y in halves)
    found = RidgeClassifier("auto").fit(*samples, validation=held_out)
    assert [tried.value for tried in found.path_] == list(PATH[: len(found.path_)])
    alone = [RidgeClassifier(t.value).fit(*samples, validation=held_out) for t in found.path_]
    p = [fitted.predict_proba(held_out[0]) for fitted in alone]
    losses = [
        log_loss(held_out[1].ravel(), each.ravel()) if multilabel else log_loss(held_out[1], each)
        for each in p
    ]
    np.testing.assert_allclose([tried.log_loss for tried in found.path_], losses, rtol=1e-6)
    best = int(np.argmin(losses))
    assert found.path_.index(best_tried(found.path_)) == best
    np.testing.assert_array_equal(found.predict_proba(held_out[0]), p[best])


def test_auto_needs_validation_samples(halves):
    with pytest.raises(ValueError, match="alpha auto is chosen on validation samples and there ar"):
        RidgeClassifier("auto").fit(*halves[0])


@pytest.mark.parametrize("multilabel", [False, True])
def test_round_trip(multilabel, halves):
    X, y = halves[0]
    X = X.astype(np.float32)
    fitted = RidgeClassifier().fit(X, np.eye(3, dtype=int)[y] if multilabel else y)
    loaded = RidgeClassifier().load_state_dict(
        fitted.state_dict(), classes=fitted.classes_, multilabel=multilabel
    )
    np.testing.assert_array_equal(loaded.predict_proba(X), fitted.predict_proba(X))
    assert loaded.predict_proba(X).dtype == np.float32
    assert loaded.n_parameters_ == 3 * (X.shape[1] + 1)

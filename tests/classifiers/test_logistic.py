"""Logistic regression: scikit-learn's, with this project's conventions."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import parametrize_with_checks

from pipeline.classifiers.logistic import LogisticClassifier


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

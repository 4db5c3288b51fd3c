"""The probe against scikit-learn, and its choice on data whose layers are known."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from pipeline.layers.probe import PENALTIES, Probe, kernel, ridge

N, CLASSES = 200, 4
FOLDS = np.arange(N) % 5


@pytest.fixture
def labels(rng):
    return rng.permutation(np.arange(N) % CLASSES)


def layer(rng, labels, *, signal, width=30):
    means = rng.normal(size=(CLASSES, width))
    return (signal * means[labels] + rng.normal(size=(N, width))).astype(np.float32)


def test_ridge_is_scikit_learns(rng, labels):
    x = StandardScaler().fit_transform(layer(rng, labels, signal=1)).astype(np.float32)
    train, test = x[:150], x[150:]
    targets = np.eye(CLASSES, dtype=np.float32)[labels[:150]]
    found = ridge(train @ train.T, test @ train.T, targets)
    centred = targets - targets.mean(0)
    for penalty, scores in zip(PENALTIES, found, strict=True):
        alpha = penalty * np.square(train).sum() / len(train)
        model = Ridge(alpha=alpha, fit_intercept=False).fit(train, centred)
        np.testing.assert_allclose(scores, model.predict(test) + targets.mean(0), atol=1e-3)


def test_a_constant_column_says_nothing(rng, labels):
    x = layer(rng, labels, signal=1)
    wider = np.hstack([x, np.full((N, 1), 7, np.float32)])
    np.testing.assert_allclose(kernel(wider), kernel(x), atol=1e-2)


def test_the_layers_with_the_signal_are_chosen(rng, labels):
    """Two neighbours know different halves of the classes; what is before and behind, nothing."""
    halves = [labels // 2, labels % 2]
    layers = {
        "noise": rng.normal(size=(N, 300)).astype(np.float32),
        "first": layer(rng, halves[0], signal=2, width=6),
        "second": layer(rng, halves[1], signal=2, width=6),
        "more noise": rng.normal(size=(N, 300)).astype(np.float32),
    }
    probe = Probe.of(layers, np.eye(CLASSES, dtype=np.int8)[labels])
    assert probe.choose(FOLDS) == ["first", "second"]
    assert probe.accuracy(["noise"], FOLDS) < 0.4
    assert probe.accuracy(["first", "second"], FOLDS) > 0.9


def test_pictures_that_are_never_held_out_are_not_counted(rng, labels):
    x = layer(rng, labels, signal=3)
    probe = Probe.of({"a": x}, np.eye(CLASSES, dtype=np.int8)[labels])
    folds = np.where(labels == 0, -1, FOLDS)
    assert probe.accuracy(["a"], folds) > 0.95
    wrong = Probe.of({"a": x}, np.eye(CLASSES, dtype=np.int8)[np.where(labels == 0, 0, 1)])
    assert wrong.accuracy(["a"], folds) == 1.0

"""A planted temperature is found, and applied without another order."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn import metrics as oracle

from pipeline.insight.calibration import calibration_error, confidences
from pipeline.measure.accuracy import hits
from pipeline.measure.temperature import at_temperature, fit_temperature, log_loss


def planted(rng, count, temperature, *, multilabel, classes=5):
    """Scores that are right at this temperature and no other, and targets drawn from them."""
    logits = rng.normal(0, 2, (count, classes))
    if multilabel:
        targets = rng.random(logits.shape) < expit(logits)
        return expit(logits * temperature), targets.astype(int)
    probabilities = softmax(logits, axis=1)
    drawn = (probabilities.cumsum(1) > rng.random((count, 1))).argmax(1)
    return softmax(logits * temperature, axis=1), np.eye(classes, dtype=int)[drawn]


@pytest.mark.parametrize("multilabel", [False, True])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_a_planted_temperature_is_found(rng, temperature, multilabel):
    scores, targets = planted(rng, 20_000, temperature, multilabel=multilabel)
    scores = scores.astype(np.float32)
    found = fit_temperature(scores, targets, multilabel=multilabel)
    assert found == pytest.approx(temperature, rel=0.05)
    tempered = at_temperature(scores, found, multilabel=multilabel)
    after = calibration_error(*confidences(tempered, targets, multilabel=multilabel))
    assert after < 0.015
    same = at_temperature(scores, 1.0, multilabel=multilabel)
    np.testing.assert_allclose(same, scores, atol=1e-6)


@pytest.mark.parametrize("multilabel", [False, True])
def test_log_loss_is_scikit_learns(rng, multilabel):
    scores, targets = planted(rng, 300, 1.5, multilabel=multilabel)
    found = log_loss(scores, targets, temperature=2.0, multilabel=multilabel)
    tempered = at_temperature(scores, 2.0, multilabel=multilabel)
    if multilabel:
        expected = oracle.log_loss(targets.ravel(), tempered.ravel())
    else:
        expected = oracle.log_loss(targets.argmax(1), tempered)
    assert found == pytest.approx(expected, abs=1e-6)


def test_scores_of_nothing_have_a_loss():
    scores, targets = np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([[1, 0], [0, 1]])
    for multilabel in (False, True):
        assert np.isfinite(log_loss(scores, targets, temperature=1.0, multilabel=multilabel))
        assert fit_temperature(scores, targets, multilabel=multilabel) > 1


@pytest.mark.parametrize("multilabel", [False, True])
@pytest.mark.parametrize("temperature", [0.05, 0.3, 0.97, 1.7, 20.0])
def test_the_order_of_the_classes_stays(rng, temperature, multilabel):
    """Also of scores that are next to each other, or next to 1."""
    scores, targets = planted(rng, 2000, 2.0, multilabel=multilabel)
    scores = scores.astype(np.float32)
    close = np.nextafter(scores[:500].max(1), np.float32(0))
    scores[np.arange(500), scores[:500].argmin(1)] = close
    if multilabel:
        scores[500:600] = 1 - rng.random((100, 5), np.float32) * 1e-6
    tempered = at_temperature(scores, temperature, multilabel=multilabel)
    np.testing.assert_array_equal(tempered.argmax(1), scores.argmax(1))
    np.testing.assert_array_equal(hits(tempered, targets), hits(scores, targets))
    order = np.argsort(-scores, axis=1, kind="stable")
    ranked = np.take_along_axis(tempered, order, 1)
    assert (np.diff(ranked, axis=1) <= 0).all()
    assert tempered.dtype == np.float32
    assert 0 <= tempered.min() <= tempered.max() <= 1


def test_each_picture_is_as_it_is_alone(rng):
    scores, _ = planted(rng, 50, 1.5, multilabel=False)
    together = at_temperature(scores, 1.3, multilabel=False)
    alone = [at_temperature(row[None], 1.3, multilabel=False)[0] for row in scores]
    np.testing.assert_array_equal(together, alone)


def test_without_a_temperature_scores_are_as_they_are(rng):
    scores = rng.random((20, 4), np.float32)
    assert at_temperature(scores, None, multilabel=True) is scores

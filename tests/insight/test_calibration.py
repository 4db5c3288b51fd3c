"""Calibration by hand and in simulations with a known error."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.insight.calibration import (
    calibration_error,
    calibration_error_interval,
    confidences,
    reliability,
)


def test_by_hand():
    confidence = np.array([0.95, 0.99, 0.5, 0.52, 1.0])
    right = np.array([1, 0, 1, 0, 1])
    table = reliability(confidence, right)
    assert table["bin"].tolist() == [7, 14]
    assert table["count"].tolist() == [2, 3]
    assert table["accuracy"].tolist() == pytest.approx([0.5, 2 / 3])
    expected = (2 * 0.01 + 3 * (2.94 / 3 - 2 / 3)) / 5
    assert calibration_error(confidence, right) == pytest.approx(expected)


def test_what_is_said_of_a_picture():
    scores = np.array([[0.2, 0.8], [0.6, 0.4]])
    targets = np.array([[0, 1], [0, 1]])
    confidence, right = confidences(scores, targets, multilabel=False)
    assert (confidence.tolist(), right.tolist()) == ([0.8, 0.6], [1, 0])
    confidence, right = confidences(scores, targets, multilabel=True)
    assert (confidence.tolist(), right.tolist()) == ([0.2, 0.8, 0.6, 0.4], [0, 1, 0, 1])


@pytest.mark.slow(reason="many sets are drawn")
@pytest.mark.parametrize("off", [0.0, 0.1])
@pytest.mark.parametrize("artists", [None, 40])
def test_the_interval_holds_the_error(artists, off):
    """Also where it is 0; it is meant to be wide rather than wrong."""
    rng = np.random.default_rng(2)

    def draw(count, groups):
        confidence = rng.beta(4, 2, count)
        artist = rng.integers(groups, size=count)
        chance = np.clip(confidence - off + rng.normal(0, 0.1, groups)[artist], 0, 1)
        return confidence, (rng.random(count) < chance).astype(int), [str(a) for a in artist]

    expected = calibration_error(*draw(400_000, 40_000)[:2])
    held = 0
    for _ in range(200):
        confidence, right, names = draw(400, artists or 100_000)
        low, high = calibration_error_interval(
            confidence, right, names if artists else None,
            n_pictures=400, resamples=200, rng=rng,
        )  # fmt: skip
        held += low <= expected <= high
    assert held / 200 >= 0.93


def test_one_artist_tells_nothing_of_others(rng):
    found = calibration_error_interval(
        np.array([0.5, 0.9]), np.array([0, 1]), ["a"], n_pictures=1, resamples=100, rng=rng
    )
    assert found == (0, 1)

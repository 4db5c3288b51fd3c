"""Draws counted by hand, intervals against the t interval."""

import numpy as np
import pytest
from scipy import stats

from pipeline.measure import resampling
from pipeline.measure.resampling import expanded_interval, group_positions, resampling_weights


def rng():
    return np.random.default_rng(0)


def test_groups_are_numbered_by_name_and_without_them_each_is_its_own():
    assert group_positions(["b", "a", "b"], 3).tolist() == [1, 0, 1]
    assert group_positions(None, 3).tolist() == [0, 1, 2]


def test_each_resample_draws_as_many_as_there_are(monkeypatch):
    monkeypatch.setattr(resampling, "WEIGHTS", 35)
    blocks = list(resampling_weights(7, resamples=11, rng=rng()))
    assert [block.shape for block in blocks] == [(7, 5), (7, 5), (7, 1)]
    weights = np.concatenate(blocks, 1)
    assert (weights.sum(0) == 7).all()
    assert len({tuple(column) for column in weights.T}) > 8


@pytest.mark.parametrize("count", [5, 20, 400])
def test_the_interval_of_a_mean_is_about_students(count):
    values = rng().normal(size=count)
    weights = np.concatenate(list(resampling_weights(count, resamples=40_000, rng=rng())), 1)
    found = expanded_interval(values @ weights / count, count)
    expected = stats.t.interval(0.95, count - 1, values.mean(), stats.sem(values))
    half = (expected[1] - expected[0]) / 2
    assert found == pytest.approx(expected, abs=0.25 * half if count == 5 else 0.08 * half)

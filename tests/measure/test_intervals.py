"""Intervals against their approximations, and by hand."""

import numpy as np
import pytest

from pipeline.measure.intervals import bootstrap_interval, resampled_interval


def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_bootstrap_is_close_to_the_normal_approximation(share):
    values = np.zeros(2000)
    values[: int(share * 2000)] = 1
    low, high = bootstrap_interval(values, resamples=4000, rng=rng())
    error = np.sqrt(share * (1 - share) / 2000)
    assert low == pytest.approx(share - 1.96 * error, abs=0.12 * error)
    assert high == pytest.approx(share + 1.96 * error, abs=0.12 * error)


def test_bootstrap_of_another_level():
    values = np.arange(1000) / 1000
    low, high = bootstrap_interval(values, resamples=4000, rng=rng(), level=0.5)
    error = values.std() / np.sqrt(1000)
    assert high - low == pytest.approx(2 * 0.6745 * error, rel=0.08)


def test_bootstrap_of_equal_values():
    assert bootstrap_interval(np.ones(5), resamples=100, rng=rng()) == (1.0, 1.0)


def test_interval_over_artists_is_wider_where_they_agree():
    """Ten artists, each all right or all wrong: ten values, not a hundred."""
    values = np.repeat([1.0, 0, 1, 1, 0, 1, 1, 0, 1, 1], 10)
    artists = [str(i // 10) for i in range(100)]
    singly = bootstrap_interval(values, resamples=2000, rng=np.random.default_rng(0))
    grouped = bootstrap_interval(values, artists, resamples=2000, rng=np.random.default_rng(0))
    assert singly[1] - singly[0] == pytest.approx(2 * 1.96 * np.sqrt(0.21 / 100), abs=0.02)
    assert grouped[1] - grouped[0] == pytest.approx(2 * 1.96 * np.sqrt(0.21 / 10), abs=0.06)


def test_one_artist_tells_nothing_of_others():
    rng = np.random.default_rng(0)
    assert bootstrap_interval(np.ones(5), ["a"] * 5, resamples=100, rng=rng) == (0, 1)


def test_interval_over_artists_of_one_picture_each_is_that_over_pictures():
    values = np.random.default_rng(1).random(50)
    names = [f"{i:02}" for i in range(50)]
    rng = np.random.default_rng
    assert bootstrap_interval(values, names, resamples=100, rng=rng(0)) == pytest.approx(
        bootstrap_interval(values, resamples=100, rng=rng(0))
    )


def test_resampled_interval_by_hand():
    """Mean 0.2, deviation 0.1; Student's t of two degrees of freedom at 0.975 is 4.3027."""
    half = 4.3027 * 0.1 * (1 / 3 + 0.3) ** 0.5
    found = resampled_interval(np.array([0.1, 0.3, 0.2]), ratio=0.3)
    assert found == pytest.approx((0.2 - half, 0.2 + half), abs=1e-4)
    assert resampled_interval(np.array([0.5, 0.5]), ratio=0.3) == (0.5, 0.5)

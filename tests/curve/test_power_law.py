"""The power law against SciPy, and its intervals in simulations with a planted one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import least_squares
from scipy.stats import norm

from pipeline.curve.power_law import EXPONENTS, LearningCurve, PowerLaw

SIZES = np.array([24, 35, 52, 77, 113, 166, 244, 360, 530, 780])


def simulated(rng, a, b, c, *, artists=None, test=240, draws=5):
    """Hits of draws of the same training pictures, some of which are worth more than others."""
    worth = rng.normal(0, 0.3, SIZES[-1])
    groups = np.arange(test)
    shared = np.zeros(test)
    if artists:
        _, groups = np.unique(rng.integers(artists, size=test), return_inverse=True)
        shared = np.sqrt(0.3) * rng.normal(size=artists)[groups]
    easy = shared + np.sqrt(0.7 if artists else 1) * rng.normal(size=test)
    hits = np.empty((len(SIZES), draws, test), bool)
    for r in range(draws):
        order = rng.permutation(SIZES[-1])
        for s, n in enumerate(SIZES):
            error = a + b * float(n) ** -c + worth[order[:n]].mean()
            own = 0.8 * easy + 0.6 * rng.normal(size=test)
            hits[s, r] = norm.cdf(own) > error
    hits[-1] = hits[-1, 0]
    return hits, groups


def curve(hits, groups, rng, resamples=200):
    return LearningCurve.of(hits, SIZES, groups, resamples=resamples, rng=rng)


@pytest.mark.parametrize(("a", "b", "c"), [(0.1, 1.5, 0.5), (0.0, 0.8, 0.3), (0.3, 4.0, 1.0)])
def test_a_planted_law_is_recovered(a, b, c):
    errors = a + b * SIZES**-c
    law = PowerLaw.fit(SIZES, errors[None], np.ones(len(SIZES)))
    assert law.c[0] == pytest.approx(c, abs=np.diff(EXPONENTS).max())
    np.testing.assert_allclose(law(np.array([1560, 3120])), a + b * np.array([[1560, 3120]]) ** -c,
                               atol=0.002)  # fmt: skip


def test_the_fit_is_scipys(rng):
    """On noise the least squares are those of SciPy's bounded solver from many starts."""
    for _ in range(20):
        errors = rng.uniform(0, 0.3) + rng.uniform(0, 2) * SIZES ** -rng.uniform(0.1, 1.5)
        errors = errors + rng.normal(0, 0.02, len(SIZES))
        weights = rng.uniform(0.5, 2, len(SIZES))

        def residual(p, errors=errors, weights=weights):
            return np.sqrt(weights) * (p[0] + p[1] * SIZES ** -p[2] - errors)

        bounds = ([0, 0, EXPONENTS[0]], [np.inf, np.inf, EXPONENTS[-1]])
        least = min(
            least_squares(residual, (0.1, 1, start), bounds=bounds).cost
            for start in (0.05, 0.2, 0.5, 1, 1.9)
        )
        law = PowerLaw.fit(SIZES, errors[None], weights)
        ours = 0.5 * (residual((law.a[0], law.b[0], law.c[0])) ** 2).sum()
        assert ours <= 1.01 * least  # the exponents are a grid


def test_many_curves_are_fitted_as_each_alone(rng):
    errors = rng.uniform(0, 1, (7, len(SIZES)))
    weights = rng.uniform(0.5, 2, len(SIZES))
    together = PowerLaw.fit(SIZES, errors, weights)(SIZES)
    alone = [PowerLaw.fit(SIZES, row[None], weights)(SIZES)[0] for row in errors]
    np.testing.assert_allclose(together, alone)


@pytest.mark.slow(reason="many curves are drawn")
@pytest.mark.parametrize("artists", [None, 40])
@pytest.mark.parametrize(("a", "b", "c"), [(0.05, 1.5, 0.5), (0.2, 1.0, 0.4)])
def test_the_intervals_hold_what_more_pictures_bring(a, b, c, artists):
    rng = np.random.default_rng(4)
    held, gained = 0, 0
    for _ in range(150):
        found = curve(*simulated(rng, a, b, c, artists=artists), rng)
        then = found.expected(1560, now=780)
        held += then.accuracy_low <= 1 - a - b * 1560**-c <= then.accuracy_high
        gained += then.gain_low <= b * (780**-c - 1560**-c) <= then.gain_high
    assert held / 150 >= 0.93
    assert gained / 150 >= 0.9


def test_a_flat_curve_is_not_extrapolated():
    rng = np.random.default_rng(5)
    whys = [
        curve(*simulated(rng, 0.3, 0.0, 1.0), rng).expected(1560, now=780).why for _ in range(40)
    ]
    assert whys.count("flat") >= 36


def test_few_test_pictures_of_a_steep_curve_do_not_determine_it():
    rng = np.random.default_rng(6)
    hits, groups = simulated(rng, 0.0, 2.0, 0.3, test=12)
    found = curve(hits, groups, rng)
    assert found.rises
    assert found.expected(12_480, now=780).why == "wide"


def test_one_artist_tells_nothing_of_others(rng):
    hits, _ = simulated(rng, 0.05, 1.5, 0.5)
    found = curve(hits, np.zeros(240, int), rng)
    then = found.expected(1560, now=780)
    assert (then.accuracy_low, then.accuracy_high, then.why) == (0, 1, "flat")


def test_one_size_is_answered_with_nothing(rng):
    hits = np.ones((1, 5, 8), bool)
    found = LearningCurve.of(hits, np.array([4]), np.arange(8), resamples=100, rng=rng)
    assert found.expected(8, now=4).why == "flat"
    assert found.accuracy.tolist() == [1]

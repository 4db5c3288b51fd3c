"""The error as a power law of the number of training pictures, and where it leads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from pipeline.measure.resampling import expanded_interval, resampling_weights

Array = NDArray[np.floating[Any]]
Sizes = NDArray[np.integer[Any]] | Array

EXPONENTS = np.geomspace(0.02, 2, 200)  # that are tried
WIDEST = 0.1  # width of the interval of what is gained, beyond which nothing is said
Why = Literal["", "flat", "wide"]


@dataclass(frozen=True)
class PowerLaw:
    """error(n) = a + b n^-c, with a, b >= 0 (Hestness et al. 2017, arXiv 1712.00409, eq. 1).

    a: what no number of pictures takes away; a, b, c: (B,), a law for each of B curves.
    """

    a: Array
    b: Array
    c: Array

    def __call__(self, sizes: Sizes) -> Array:
        """(B, S): the error at each of S sizes."""
        n = np.asarray(sizes, np.float64)
        found: Array = self.a[:, None] + self.b[:, None] * n ** -self.c[:, None]
        return found

    @classmethod
    def fit(cls, sizes: Sizes, errors: Array, weights: Array) -> PowerLaw:
        """By weighted least squares: errors (B, S) at sizes (S,), weights (S,).

        For each of EXPONENTS a and b are those of a linear regression, at a bound where it leaves
        it; of all exponents the best counts (variable projection, Golub & Pereyra 1973, SIAM J
        Numer Anal 10:413).
        """
        n = np.asarray(sizes, np.float64)
        scale = n.max()  # x is then 1 at the largest size, and well conditioned
        x = (n / scale) ** -EXPONENTS[:, None]  # (E, S)
        w = np.asarray(weights, np.float64) / np.sum(weights)
        y = np.asarray(errors, np.float64)[:, None]  # (B, 1, S)
        x_mean, y_mean = x @ w, y @ w
        xx, xy = x**2 @ w, (y[:, 0] * w) @ x.T  # (E,), (B, E)
        b = (xy - x_mean * y_mean) / np.maximum(xx - x_mean**2, 1e-300)
        b = np.maximum(b, 0)
        a = y_mean - b * x_mean
        below = a < 0
        b = np.where(below, np.maximum(xy / xx, 0), b)
        a = np.where(below, 0, a)
        # The squares less those of y, which all exponents share.
        rest = a**2 + 2 * a * b * x_mean + b**2 * xx - 2 * (a * y_mean + b * xy)
        best = rest.argmin(1)
        row = np.arange(len(best))
        c = EXPONENTS[best]
        return cls(a[row, best], b[row, best] * scale**c, c)


@dataclass(frozen=True)
class Expected:
    """At some number of pictures: the accuracy, and what is gained to it, with 95 % intervals.

    why: "" where it is determined; "flat": the test does not show that the accuracy rises at all;
    "wide": it rises, but how far is not told.
    """

    pictures: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    gain: float
    gain_low: float
    gain_high: float
    why: Why


@dataclass(frozen=True)
class LearningCurve:
    """The accuracy at each of S sizes, its mean, least and most over the draws, (S,) each, and its
    power law with that of each resample, the test pictures being of `n_groups`."""

    sizes: NDArray[np.int64]
    accuracy: Array
    least: Array
    most: Array
    law: PowerLaw
    resampled: PowerLaw
    rises: bool
    n_groups: int

    @classmethod
    def of(
        cls,
        hits: NDArray[np.bool_],
        sizes: NDArray[np.int64],
        groups: NDArray[np.int64],
        *,
        resamples: int,
        rng: Generator,
    ) -> LearningCurve:
        """Of hits (S, R, M): of R draws at each size, whether M test pictures are right.

        The last size is of all pictures, where draws are no others. groups: (M,) numbers from 0 of
        the test pictures' artists, or of themselves.

        Weights of the fit are inverse variances, over draws and over test pictures. A resample is
        of the groups; of R - 1 of the draws, which makes the variance of their mean unbiased; and
        of what all draws share, being of the same N pictures: the variance of subsets of n is that
        of new sets, taken as k / n, times 1 - n / N (samples without replacement), and so all N
        pictures have k / N.
        """
        _, n_draws, n_test = hits.shape
        n_groups = int(groups.max()) + 1
        errors = 1 - hits.mean(2)  # (S, R)
        mean, total = errors.mean(1), sizes[-1]
        left = 1 - sizes / total
        part = left > 0
        varied = errors.var(1, ddof=1) * sizes
        k = float((varied[part] / left[part]).mean()) if part.any() else 0.0
        variance = k / sizes * left / n_draws
        variance += np.maximum(mean * (1 - mean), 1 / n_test) / n_groups

        drawn = _resampled_errors(hits, groups, n_groups, resamples=resamples, rng=rng)
        times = rng.multinomial(n_draws - 1, [1 / n_draws] * n_draws, size=resamples)
        resampled = np.einsum("srb,br->bs", drawn, times / (n_draws - 1))
        resampled += rng.normal(0, np.sqrt(k / total), (resamples, 1))
        rise = resampled[:, 0] - resampled[:, -1]
        return cls(
            sizes=sizes,
            accuracy=1 - mean,
            least=1 - errors.max(1),
            most=1 - errors.min(1),
            law=PowerLaw.fit(sizes, mean[None], 1 / variance),
            resampled=PowerLaw.fit(sizes, resampled, 1 / variance),
            rises=n_groups > 1 and expanded_interval(rise, n_groups)[0] > 0,
            n_groups=n_groups,
        )

    def line(self, sizes: Sizes) -> tuple[Array, Array, Array]:
        """The law's accuracy at `sizes` (L,), and the ends of its 95 % interval, (L,) each.

        The interval says nothing of whether the law goes on. Of a single group it is 0 to 1.
        """
        ends = [self._interval(1 - errors) for errors in self.resampled(sizes).T]
        low, high = np.clip(np.array(ends).T, 0, 1)
        return 1 - self.law(sizes)[0], low, high

    def expected(self, pictures: int, *, now: int) -> Expected:
        """At so many pictures, where there are `now`."""
        both = np.array([now, pictures])
        (before, after), drawn = self.law(both)[0], self.resampled(both)
        gain_low, gain_high = self._interval(drawn[:, 0] - drawn[:, 1])
        low, high = np.clip(self._interval(1 - drawn[:, 1]), 0, 1).tolist()
        why: Why = "flat" if not self.rises else "wide" if gain_high - gain_low > WIDEST else ""
        gain = float(before - after)
        return Expected(pictures, float(1 - after), low, high, gain, gain_low, gain_high, why)

    def _interval(self, values: Array) -> tuple[float, float]:
        return expanded_interval(values, self.n_groups) if self.n_groups > 1 else (-1.0, 1.0)


def _resampled_errors(
    hits: NDArray[np.bool_],
    groups: NDArray[np.int64],
    n_groups: int,
    *,
    resamples: int,
    rng: Generator,
) -> NDArray[np.float32]:
    """(S, R, M) -> (S, R, B): the errors of each resample of the groups."""
    rows = hits.reshape(-1, hits.shape[2])
    wrong = np.array([np.bincount(groups, ~row, n_groups) for row in rows], np.float32)
    count = np.bincount(groups, minlength=n_groups).astype(np.float32)
    drawn = [
        wrong @ times / (count @ times)
        for times in resampling_weights(n_groups, resamples=resamples, rng=rng)
    ]
    return np.concatenate(drawn, 1).reshape(*hits.shape[:2], resamples)

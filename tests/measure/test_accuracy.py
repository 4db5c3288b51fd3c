"""Hits, by hand, and what counts as diverged."""

import math

import numpy as np
import pytest

from pipeline.measure.accuracy import diverged, hit_at_1, hits

# Right, right, a for b, b for c; and three pictures of which two have two classes.
EXCLUSIVE = np.array([[1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1]], np.int8)
SCORES = np.array([[[0.8, 0.1, 0.1], [0.2, 0.5, 0.3], [0.6, 0.3, 0.1], [0.0, 0.75, 0.25]]])
TAGGED = np.array([[1, 1, 0], [0, 0, 1], [1, 0, 1]], np.int8)
TAGGED_SCORES = np.array([[[0.9, 0.6, 0.7], [0.55, 0.1, 0.5], [0.2, 0.3, 0.8]]])


def test_hits():
    assert hits(SCORES, EXCLUSIVE).tolist() == [[True, True, False, False]]
    assert hits(TAGGED_SCORES, TAGGED).tolist() == [[True, False, True]]


def test_hit_at_1():
    assert hit_at_1(TAGGED_SCORES[0], TAGGED) == hits(TAGGED_SCORES, TAGGED)[0].mean()


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([2.0], False),
        ([2.0, 1999.0], False),
        ([2.0, 2001.0], True),
        ([2.0, -1999.0], False),
        ([2.0, -2001.0], True),
        ([-0.5, -999.0], False),
        ([1e-9, 999.0], False),  # a spike after an epoch that was almost perfect
        ([1e-9, 1001.0], True),
        ([1e6, 1e8], False),
        ([1e6, 1.0], False),
        ([math.nan], True),
        ([math.inf], True),
        ([2.0, -math.inf], True),
    ],
)
def test_diverged(losses, expected):
    assert diverged(losses) is expected

"""Hits, by hand."""

import numpy as np

from pipeline.measure.accuracy import hit_at_1, hits

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

"""What a run assigns, by hand."""

import numpy as np

from pipeline.measure.decisions import decide

SCORES = np.array([[[0.9, 0.6, 0.7], [0.55, 0.1, 0.5], [0.2, 0.3, 0.8]]])


def test_several_classes_are_those_above_the_threshold():
    found = decide(SCORES, threshold=0.5, multilabel=True)
    np.testing.assert_array_equal(found[0], [[1, 1, 1], [1, 0, 0], [0, 0, 1]])


def test_of_exclusive_classes_the_top_one_whatever_the_threshold():
    found = decide(SCORES, threshold=0.95, multilabel=False)
    np.testing.assert_array_equal(found[0], [[1, 0, 0], [1, 0, 0], [0, 0, 1]])

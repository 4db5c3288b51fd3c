"""Margins and k centres by hand and against SciPy, and the choice against chance."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from pipeline.classifiers.ridge import RidgeClassifier
from pipeline.next.choosing import k_centre, margins, nearest_squared, shortlist


def test_the_shortlist_has_the_smallest_margins():
    scores = np.array([[0.9, 0.1, 0.0], [0.4, 0.3, 0.3], [0.5, 0.5, 0.0], [0.2, 0.6, 0.2]])
    np.testing.assert_allclose(margins(scores), [0.8, 0.1, 0.0, 0.4])
    assert shortlist(scores, count=1).tolist() == [2, 1, 3]
    np.testing.assert_allclose(margins(scores[:, :1]), scores[:, 0])


def test_distances_are_scipys(rng):
    x, labelled = rng.normal(size=(9, 4)), rng.normal(size=(20, 4))
    found = nearest_squared(x, [labelled[:7], labelled[:0], labelled[7:]])
    np.testing.assert_allclose(found, cdist(x, labelled, "sqeuclidean").min(1))


def test_each_centre_is_the_farthest_from_all_before(rng):
    x, labelled = rng.normal(size=(30, 4)), rng.normal(size=(10, 4))
    chosen = k_centre(x, nearest_squared(x, [labelled]), count=12)
    known = labelled
    for row in chosen:
        distances = cdist(x, known).min(1)
        assert distances[row] == pytest.approx(distances.max())
        known = np.vstack([known, x[row]])


def test_copies_come_last_and_none_twice():
    x = np.array([[5.0], [5.0], [1.0], [0.0]])
    chosen = k_centre(x, np.array([25.0, 25.0, 1.0, 0.0]), count=9)
    assert sorted(chosen) == [0, 1, 2, 3]
    assert chosen[:2].tolist() == [0, 2]


@pytest.mark.slow(reason="many trainings")
def test_what_is_chosen_helps_more_than_chance():
    """Classes of which one is rare, and near another."""
    rng = np.random.default_rng(7)
    centres = np.array([[0, 0], [4, 0], [4, 2.5]])

    def draw(count):
        label = rng.choice(3, count, p=[0.55, 0.35, 0.1])
        return centres[label] + rng.normal(0, 1, (count, 2)), label

    gains = []
    for _ in range(60):
        x, y = draw(500)
        test = draw(2000)
        known, pool = np.arange(20), np.arange(20, 500)

        def fitted(rows, x=x, y=y):
            return RidgeClassifier(alpha=1.0).fit(x[rows], y[rows])

        unsure = shortlist(fitted(known).predict_proba(x[pool]), count=40)
        squared = nearest_squared(x[pool][unsure], [x[known]])
        chosen = unsure[k_centre(x[pool][unsure], squared, count=40)]
        by_chance = rng.choice(len(pool), 40, replace=False)
        ours, theirs = (
            fitted(np.append(known, pool[rows])).score(*test) for rows in (chosen, by_chance)
        )
        gains.append(ours - theirs)
    assert np.mean(gains) > 2 * np.std(gains) / np.sqrt(len(gains))

"""Sizes, and which pictures are in a subset."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from pipeline.curve.subsets import drawn_order, subset_sizes


@pytest.mark.parametrize(
    ("count", "classes", "least", "number"),
    [(780, 8, 39, 10), (20_000, 8, 1000, 10), (12, 5, 12, 1), (3, 1, 3, 1), (20, 2, 6, 10)],
)
def test_sizes_go_from_a_few_of_each_class_to_all(count, classes, least, number):
    sizes = subset_sizes(count, classes=classes, sizes=10)
    assert (sizes[0], sizes[-1], len(sizes)) == (least, count, number)
    ratios = sizes[1:] / sizes[:-1]
    if count > 100:
        assert ratios.max() / ratios.min() < 1.1


def test_every_beginning_has_each_combination_of_labels_by_its_share(rng):
    labels = [("a",)] * 60 + [("b",)] * 30 + [("a", "b")] * 9 + [("c",)]
    labels = [labels[i] for i in rng.permutation(100)]
    order = drawn_order(labels, None, rng)
    assert sorted(order) == list(range(100))
    for n in (5, 20, 50, 90):
        counts = Counter(labels[i] for i in order[:n])
        for combination, count in Counter(labels).items():
            assert abs(counts[combination] - count * n / 100) <= 2
    assert drawn_order(labels, None, rng).tolist() != order.tolist()


def test_the_only_picture_of_a_class_comes_anywhere():
    labels = [("a",)] * 9 + [("b",)]
    places = [
        drawn_order(labels, None, np.random.default_rng(seed)).tolist().index(9)
        for seed in range(60)
    ]
    assert len(set(places)) >= 8


def test_artists_come_one_after_the_other_the_classes_in_turn(rng):
    artists = [str(i % 8) for i in range(80)]
    labels = [("ab"[int(artist) % 2],) for artist in artists]
    order = drawn_order(labels, artists, rng)
    assert sorted(order) == list(range(80))
    turns = [artists[i] for i in order]
    assert sum(a != b for a, b in pairwise(turns)) == 7
    for n in (20, 40, 60):
        assert sum(labels[i] == ("a",) for i in order[:n]) == n / 2
    assert drawn_order(labels, artists, rng).tolist() != order.tolist()

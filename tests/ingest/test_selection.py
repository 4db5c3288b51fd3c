from collections import Counter

import numpy as np
import pytest

from pipeline.ingest.params import Select
from pipeline.ingest.screening import Accepted
from pipeline.ingest.selection import required_classes, select

OFF = {
    "classes": "all", "least_per_class": "none", "per_class": "none", "balance": False,
    "sample": "none", "shortest_side": "none", "seed": 0,
}  # fmt: skip


def pictures(**counts):
    """So many pictures: `a=3, b_c=2` is a class of three and two pictures of two classes."""
    labels = [tuple(name.split("_")) for name, count in counts.items() for _ in range(count)]
    return [
        Accepted(f"{i:016x}", f"{i}.png", row, None, None, 9, 9, "PNG", "RGB", False, None)
        for i, row in enumerate(labels)
    ]


def selected(offered, **options):
    return select(offered, Select(**OFF | options))


def counted(chosen):
    return Counter(label for picture in chosen for label in picture.labels)


def test_nothing_is_left_out_by_default():
    offered = pictures(a=3, b=2, a_b=1)
    assert selected(offered) == (offered, {})


def test_classes():
    offered = pictures(a=3, b=2, c=4, a_c=5)
    chosen, left_out = selected(offered, classes=["a", "b"])
    assert counted(chosen) == {"a": 8, "b": 2}
    assert left_out == {"classes": 4}
    assert [p.image_id for p in chosen] == [p.image_id for p in offered if p.labels != ("c",)]


def test_small_classes_are_left_out():
    chosen, left_out = selected(pictures(a=5, b=4, c=9, b_c=1, a_b=1), least_per_class=6)
    assert counted(chosen) == {"a": 6, "b": 6, "c": 10}
    assert left_out == {}
    chosen, left_out = selected(pictures(a=5, b=3, c=9, b_c=1, a_b=1), least_per_class=6)
    assert counted(chosen) == {"a": 6, "c": 10}
    assert left_out == {"least_per_class": 3}


def test_a_limit_per_class():
    chosen, left_out = selected(pictures(a=50, b=7, c=20), per_class=10)
    assert counted(chosen) == {"a": 10, "b": 7, "c": 10}
    assert left_out == {"per_class": 50}


def test_a_limit_is_not_exceeded_by_pictures_of_two_classes():
    chosen, _ = selected(pictures(a=50, b=30, a_b=40), per_class=20)
    assert counted(chosen)["a"] == counted(chosen)["b"] == 20
    assert any(len(picture.labels) == 2 for picture in chosen)


def test_a_balanced_selection():
    chosen, left_out = selected(pictures(a=50, b=7, c=20), balance=True)
    assert counted(chosen) == {"a": 7, "b": 7, "c": 7}
    assert left_out == {"balance": 56}
    chosen, left_out = selected(pictures(a=50, b=7, c=20), balance=True, sample=17)
    assert counted(chosen) == {"a": 5, "b": 5, "c": 5}
    chosen, left_out = selected(pictures(a=50, b=7, c=20), balance=True, per_class=3)
    assert counted(chosen) == {"a": 3, "b": 3, "c": 3}


def test_a_sample():
    chosen, left_out = selected(pictures(a=500, b=300), sample=160)
    assert len(chosen) == 160
    assert counted(chosen)["a"] == pytest.approx(100, abs=25)  # sd 5.5
    assert left_out == {"sample": 640}
    assert len(selected(pictures(a=5, b=3), sample=160)[0]) == 8


@pytest.mark.parametrize("options", [{"per_class": 9}, {"balance": True}, {"sample": 15}])
def test_order_does_not_matter_and_the_seed_does(options):
    offered = pictures(a=30, b=20, a_b=10)
    ids = {p.image_id for p in selected(offered, **options)[0]}
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(offered))
        shuffled = [offered[i] for i in order]
        chosen, _ = selected(shuffled, **options)
        assert {p.image_id for p in chosen} == ids
        assert chosen == [p for p in shuffled if p.image_id in ids]
    assert {p.image_id for p in selected(offered, **options, seed=1)[0]} != ids


def test_one_picture_less_changes_one_choice():
    """The lot falls on each picture by itself."""
    offered = pictures(a=300)
    other = pictures(a=300, b=1)[-1]
    before = {p.image_id for p in selected([*offered, other], per_class=100)[0]}
    after = {p.image_id for p in selected([*offered[1:], other], per_class=100)[0]}
    assert len(before - after) == len(after - before) <= 1


def test_every_picture_can_be_drawn():
    offered = pictures(a=20, b=20)
    drawn = Counter(
        p.image_id for seed in range(200) for p in selected(offered, sample=10, seed=seed)[0]
    )
    assert len(drawn) == 40
    assert max(drawn.values()) < 85  # 50 expected, sd 6


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"least_per_class": 50}, ["least_per_class is 50", "more than 30 usable", "lower it"]),
        ({"least_per_class": 25}, ["only one class, 'a'"]),
        ({"classes": ["a"]}, ["only one class, 'a'", "needs two"]),
        ({"sample": 1}, ["leaves no picture of", "one of 2 classes", "raise per_class or sample"]),
        ({"sample": 1, "balance": True}, ["leaves no picture of 'a'"]),
    ],
)
def test_what_cannot_be_selected_is_one_line(refused, options, parts):
    with refused(*parts):
        selected(pictures(a=30, b=20), **options)


def test_required_classes(refused):
    def required(**options):
        return required_classes({"Cubism": 3, "Dada": 1}, Select(**OFF | options))

    assert required() == {"Cubism", "Dada"}
    assert required(classes=["Dada"]) == {"Dada"}
    assert required(least_per_class=2) == set()
    with refused("ingest.select.classes names 'Cubsm'", "closest are 'Cubism'"):
        required(classes=["Cubsm", "Dada"])

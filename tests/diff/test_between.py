"""A run in two revisions, by hand."""

import numpy as np

from pipeline.artifacts.predictions import Predictions
from pipeline.diff.between import CHANGED, between
from pipeline.diff.page import in_order


def made(labels, answers, *, classes="ab", multilabel=False):
    """Predictions of pictures by their ids: their classes and the class answered, with 0.9."""
    ids = list(labels)
    targets = np.array([[c in labels[i] for c in classes] for i in ids], np.int8)
    top = np.array([[c == answers[i] for c in classes] for i in ids])
    scores = np.where(top, 0.9, 0.05).astype(np.float32)[None]
    return Predictions(ids, targets, scores, list(classes), multilabel)


def compared(old, new, artists=None):
    return between(
        "snn", old, new, artists, threshold=0.5, resamples=200, rng=np.random.default_rng(0)
    )


LABELS = {"1": "a", "2": "a", "3": "b", "4": "b"}


def test_what_changed_and_how_much():
    found = compared(
        made(LABELS, {"1": "a", "2": "b", "3": "b", "4": "a"}),
        made(LABELS, {"1": "b", "2": "a", "3": "b", "4": "b"}),
    )
    assert (found.pictures, found.old, found.new) == (4, 0.5, 0.75)
    assert found.row["accuracy"] == 0.25
    assert (found.row["only_run"], found.row["only_other"]) == (2, 1)
    assert list(found.changed.columns) == CHANGED
    ordered = in_order(found.changed)
    assert ordered["image_id"].tolist() == ["1", "2", "4"]  # newly wrong first
    assert ordered.iloc[0].to_dict() == {
        "run": "snn", "image_id": "1", "label": "a", "old": "a", "new": "b",
        "old_right": True, "new_right": False, "relabelled": False,
    }  # fmt: skip


def test_only_pictures_of_both_count():
    answers = dict(LABELS)
    more, fewer = {**LABELS, "5": "a"}, {k: v for k, v in LABELS.items() if k != "1"}
    found = compared(made(more, {**answers, "5": "b"}), made(fewer, answers))
    assert (found.pictures, found.old_only, found.new_only) == (3, 2, 0)
    assert found.old == found.new == 1
    assert found.changed.empty


def test_both_are_judged_by_the_new_labels():
    answers = dict(LABELS)
    found = compared(made(LABELS, answers), made({**LABELS, "1": "b"}, answers))
    assert found.old == found.new == 0.75
    assert found.changed[["image_id", "old", "new", "relabelled"]].values.tolist() == [
        ["1", "a", "a", True]
    ]


def test_a_class_that_came_or_went_is_no_hit_where_it_was_not_known():
    old = made({"1": "c", "2": "b"}, {"1": "c", "2": "c"}, classes="bc")
    new = made({"1": "a", "2": "b"}, {"1": "a", "2": "b"}, classes="ab")
    found = compared(old, new)
    assert (found.old, found.new) == (0, 1)
    assert found.changed["old"].tolist() == ["c", "c"]


def test_intervals_go_by_artists():
    """Of one artist nothing is known."""
    old, new = made(LABELS, dict.fromkeys(LABELS, "a")), made(LABELS, LABELS)
    assert compared(old, new, dict.fromkeys(LABELS, "x")).row["accuracy_low"] == -1
    assert compared(old, new).row["accuracy_low"] > -1


def test_no_picture_in_common(refused):
    other = made({"9": "a"}, {"9": "a"})
    with refused("snn: no test picture is in both revisions"):
        compared(other, made(LABELS, LABELS))

"""What the page makes of the tables of insight."""

import pandas as pd
import pytest

from pipeline.artifacts.insight import DIFFERENCES, SHORTCUTS
from pipeline.report.sections import differences, doubts, shortcuts


def test_differences_are_turned_to_be_the_best_runs():
    rows = [
        ("x", "y", 0.1, 0.05, 0.2, 0.3, 0.2, 0.4, 7, 2, 0.01),
        ("x", "z", *[0.0] * 6, 1, 1, 1.0),
        ("y", "z", 0.2, 0.1, 0.3, 0.0, -0.1, 0.1, 5, 4, 0.5),
    ]
    table = pd.DataFrame(rows, columns=DIFFERENCES)
    found = differences.from_run(table, "y").to_dict("split", index=False)
    assert found["columns"] == ["run", *DIFFERENCES[2:]]
    assert found["data"] == [
        ["x", -0.1, -0.2, -0.05, -0.3, -0.4, -0.2, 2, 7, 0.01],
        ["z", 0.2, 0.1, 0.3, 0.0, -0.1, 0.1, 5, 4, 0.5],
    ]


def test_doubts_say_what_they_are_about():
    noise = pd.DataFrame(
        [("a", "b", 2), ("a", "", 1), ("", "b", 1)], columns=["given", "actual", "counted"]
    )
    words = [pair["words"] for pair in doubts.pairs(noise)]
    assert words == ["a, but is b", "a is wrong", "b is missing"]


def test_cues_stand_at_the_majority_and_what_they_add():
    rows = [("file size", 0.3, 0.1, 0.05, 0.15), ("all together", 0.25, 0.05, -0.1, 0.2)]
    drawn = shortcuts.chart(pd.DataFrame(rows, columns=SHORTCUTS), 0.8).to_dict()
    lines, points = (list(rows) for rows in drawn["datasets"].values())
    if "low" in lines[0]:
        lines, points = points, lines
    assert [row["accuracy"] for row in lines] == pytest.approx([0.2, 0.8])
    assert [(row["low"], row["high"]) for row in points] == [
        pytest.approx((0.25, 0.35)), pytest.approx((0.1, 0.4)),
    ]  # fmt: skip


def test_doubts_of_pictures_that_were_looked_at_are_left_out():
    table = pd.DataFrame({"image_id": ["a", "b", "b", "c"], "given": list("wxyz")})
    left, settled = doubts.unsettled(table, [{"image_id": "b"}, {"image_id": "d"}])
    assert left["image_id"].tolist() == ["a", "c"]
    assert settled == 1


@pytest.mark.parametrize(
    ("given", "suggested", "labels", "expected"),
    [
        ("x", "z", ["x"], [("z", "x", "z"), ("y", "x", "y")]),
        ("x", "", ["x", "y"], [("without x", "x", "")]),
        ("x", "", ["x"], [("y", "x", "y"), ("z", "x", "z")]),
        ("", "z", ["x"], [("z too", "", "z")]),
    ],
)
def test_how_a_doubted_picture_may_be_relabelled(given, suggested, labels, expected):
    found = doubts.changes(given, suggested, labels, ["x", "y", "z"])
    assert [(change.words, change.loses, change.gets) for change in found] == expected

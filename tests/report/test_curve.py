"""What the page makes of the tables of curve."""

from types import SimpleNamespace

import pandas as pd

from pipeline.artifacts.curves import EXPECTED, LINE
from pipeline.report.sections import curve

POINTS = pd.DataFrame(
    [
        ("", 10, 0.5, 0.4, 0.6), ("", 25, 0.6, 0.5, 0.7), ("", 40, 0.7, 0.7, 0.7),
        *[(name, n, a, a, a) for name in "abc" for n, a in ((10, 0.2), (25, 0.4), (40, 0.5))],
    ],
    columns=LINE,
)  # fmt: skip


def expected(of, gain, why=""):
    return (of, 9, 2, 80, 40, 0.6, 0.5, 0.7, gain, 0.0, 0.2, why)


def test_classes_that_gain_most_come_first_and_undetermined_ones_last():
    rows = [expected("a", 0.1), expected("b", 0.2), expected("c", 0.9, "wide"), expected("d", 0.3)]
    experiment = SimpleNamespace(
        shown=["a", "b", "c"],  # d is one of too many classes
        labels=[["a"], ["a", "b"], ["c"], ["b"]],
        splits=["train", "train", "train", "test"],
    )
    found = curve.of_classes(POINTS, pd.DataFrame(rows, columns=EXPECTED), experiment)
    assert [row["of"] for row in found] == ["b", "a", "c"]
    assert [(row["half"], row["all"]) for row in found] == [(0.4, 0.5)] * 3
    assert [row["train"] for row in found] == [1, 2, 1]


def test_the_reader_chooses_of_what_the_curve_is():
    drawn = curve.chart(POINTS, POINTS).to_dict()
    (choice,) = (p for p in drawn["params"] if p["name"] == "of")
    assert choice["bind"]["options"] == ["", "a", "b", "c"]
    assert choice["bind"]["labels"] == ["all test pictures", "a", "b", "c"]

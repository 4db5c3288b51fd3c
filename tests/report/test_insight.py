"""What the page makes of the tables of insight."""

import pandas as pd

from pipeline.artifacts.insight import DIFFERENCES
from pipeline.report.sections import differences, doubts


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

"""What is read off the tables of insight."""

import pandas as pd

from pipeline.artifacts.insight import not_told_apart


def test_runs_are_not_told_apart_where_0_is_in_the_interval():
    rows = [("x", "y", -0.1, 0.2), ("x", "z", 0.1, 0.2), ("y", "z", -0.2, 0.0)]
    table = pd.DataFrame(rows, columns=["run", "other", "accuracy_low", "accuracy_high"])
    assert not_told_apart(table, "x") == ["y"]
    assert not_told_apart(table, "y") == ["x", "z"]
    assert not_told_apart(table, "z") == ["y"]

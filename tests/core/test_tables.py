"""CSV files between the stages and in spreadsheets."""

from __future__ import annotations

import csv

import pandas as pd
import pytest

from pipeline.core.tables import read_csv, write_checked_csv

PLAIN = ["a", "", "a=b", "'", "'a", "-1", "+0.5e-3", "-.5", "é", "a\nb", "a\rb", "a\r\nb"]
FORMULAS = ["=1+1", "+a", "-a", "@a", "\ta", "\ra", "-1+1", "--1", "='a'", "=", "-"]
HIDDEN = ["'=1+1", "''=1+1", "'-1"]  # as spreadsheets want them, and more so


@pytest.mark.parametrize("cell", PLAIN + FORMULAS + HIDDEN)
def test_texts_come_back_and_are_no_formulas(tmp_path, cell):
    path = tmp_path / "x.csv"
    write_checked_csv(path, pd.DataFrame({"text": [cell, "b"], "number": [-1.5, 2]}))
    table = read_csv(path, dtype={"text": str})
    assert table["text"].tolist() == [cell, "b"]
    assert table["number"].tolist() == [-1.5, 2]
    with path.open(newline="", encoding="utf-8") as file:
        written = next(iter(csv.DictReader(file)))
    assert written == {"text": cell if cell in PLAIN else f"'{cell}", "number": "-1.5"}


def test_cells_without_text_are_as_they_were(tmp_path):
    table = pd.DataFrame(
        {"mixed": pd.Series([1, None, "a"], dtype=object), "flag": [True, False, True]}
    )
    write_checked_csv(tmp_path / "x.csv", table)
    assert (tmp_path / "x.csv").read_text() == "mixed,flag\n1,True\n,False\na,True\n"

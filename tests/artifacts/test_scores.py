"""The tables of scores as they are read."""

import pandas as pd

from pipeline.artifacts import scores
from pipeline.core.files import write_checksums
from pipeline.core.tables import write_csv


def test_best_run():
    found = {n: {"validation_accuracy": a} for n, a in [("x", 0.5), ("y", 0.7)]}
    assert scores.best_run(found) == "y"
    assert scores.best_run({n: {"validation_accuracy": 0.5} for n in "yx"}) == "y"


def test_runs_are_known_by_text_and_have_the_scores_they_have(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = pd.DataFrame({"run": ["1", "NA"], "accuracy": [0.5, 1], "fold_accuracy": [None, 0.75]})
    write_csv(scores.SCORES, table)
    write_checksums(scores.CHECKSUMS, [scores.SCORES])
    assert scores.read_scores() == {
        "1": {"accuracy": 0.5},
        "NA": {"accuracy": 1, "fold_accuracy": 0.75},
    }

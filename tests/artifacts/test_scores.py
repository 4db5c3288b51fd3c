"""The tables of scores as they are read."""

from pipeline.artifacts.scores import best_run, read_scores


def test_best_run():
    assert best_run({n: {"validation_accuracy": a} for n, a in [("x", 0.5), ("y", 0.7)]}) == "y"
    assert best_run({n: {"validation_accuracy": 0.5} for n in "yx"}) == "y"


def test_runs_are_known_by_text_and_have_the_scores_they_have(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("run,accuracy,fold_accuracy\n1,0.5,\nNA,1,0.75\n")
    assert read_scores(path) == {
        "1": {"accuracy": 0.5},
        "NA": {"accuracy": 1, "fold_accuracy": 0.75},
    }

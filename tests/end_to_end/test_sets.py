"""`python -m pipeline.predict` of pictures with one class each: the sets beside the answers."""

from __future__ import annotations

import json
import shutil

import pandas as pd
import pyarrow.parquet as pq
import pytest
from processes import run

from pipeline.artifacts.conformal import conformal_path
from pipeline.artifacts.predictions import read_predictions, scores_path
from pipeline.core.files import read_json, write_checked_json

RUNS = ["logistic", "snn", "lenet", "stacked"]


def fewer_runs_of_exclusive_classes(project):
    """The project with a folder of pictures under the first of their labels, and RUNS."""
    for row in pq.read_table(project.folder / "data/images").to_pylist():
        folder = project.folder / "data/raw" / row["labels"][0]
        folder.mkdir(exist_ok=True)
        (folder / f"{row['image_id']}.jpg").write_bytes(row["image"]["bytes"])
    project.set(
        **{
            "ingest.source": {"kind": "folder"},
            "classifiers.boosted": None,
            "classifiers.adam": None,
            "classifiers.snn.calibrate": "temperature",
            "cnns.small_cnn": None,
            "stacks.stacked.runs": ["logistic", "snn"],
            "sweeps": {},
            "comparisons": {},
        }
    )
    project.run("dvc", "repro", "insight", "novelty")


@pytest.fixture(scope="module")
def exclusive(made_project_copy):
    fewer_runs_of_exclusive_classes(made_project_copy)
    return made_project_copy


@pytest.fixture(scope="module")
def pictures(exclusive, tmp_path_factory):
    """A folder of the test pictures, named by their id."""
    folder = tmp_path_factory.mktemp("pictures")
    for row in pq.read_table(exclusive.folder / "data/images").to_pylist():
        if row["split"] == "test":
            (folder / f"{row['image_id']}.jpg").write_bytes(row["image"]["bytes"])
    return folder


@pytest.fixture
def predict(exclusive, tmp_path):
    """Arguments -> standard output, and the lines of standard error."""

    def predicted(*arguments, status=0):
        command = ["python", "-m", "pipeline.predict", *map(str, arguments)]
        errors = tmp_path / "errors"
        output = run(*command, folder=exclusive.folder, status=status, errors=errors)
        lines = errors.read_text("utf-8").splitlines()
        errors.unlink()
        return output, lines

    return predicted


@pytest.mark.slow(reason="a project is made again")
@pytest.mark.parametrize("name", RUNS)
def test_the_sets_are_those_that_the_page_counts(exclusive, predict, pictures, tmp_path, name):
    """A picture's draw is its own, so that its set is the same wherever it is made."""
    _, said = predict("--run", name, "--output", tmp_path / "new.parquet", pictures)
    assert said == [
        "one of: holds the right class of 90 % or more of pictures like those in validation"
    ]
    table = pq.read_table(tmp_path / "new.parquet").to_pandas()
    assert (table["coverage"] == 0.9).all()
    test = read_predictions(exclusive.folder / scores_path(name, stacks=["stacked"]), split="test")
    wide = table.pivot(index="path", columns="class", values="in_set")[test.classes]
    held = wide.loc[[str(pictures / f"{i}.jpg") for i in test.image_ids]].to_numpy(bool)
    sets = pd.read_csv(exclusive.folder / "reports/insight/conformal.csv").set_index("run")
    covered, sizes = (held & (test.targets == 1)).any(1).mean(), held.sum(1)
    assert sizes.min() >= 1
    within = 2.5 / len(
        held
    )  # a score that is next to the threshold may be rounded to its other side
    assert covered == pytest.approx(sets.loc[name, "coverage"], abs=within)
    assert sizes.mean() == pytest.approx(sets.loc[name, "size"], abs=within)


@pytest.mark.slow(reason="a project is made again")
def test_table_and_json_have_the_same_sets(predict, pictures):
    rows = json.loads(predict("--run", "snn", "--json", pictures)[0])
    lines = predict("--run", "snn", pictures)[0].splitlines()
    assert len(rows) == len(lines)
    for row, line in zip(rows, lines, strict=True):
        every = list(row["probabilities"])
        assert row["coverage"] == 0.9
        ranks = [every.index(name) for name in row["one_of"]]
        assert ranks[0] == 0
        assert ranks == sorted(ranks)
        among = f"one of: {', '.join(row['one_of'])} (90 %)"
        cells = line.split("\t")
        assert (cells[-1] == "none of these?") == row["none_of_these"]
        shown = cells[-2] if row["none_of_these"] else cells[-1]
        assert shown == (among if len(ranks) < len(every) else "any class")


@pytest.mark.slow(reason="a project is made again")
@pytest.mark.parametrize("case", ["missing", "damaged", "other model", "several", "too few"])
def test_without_sets_it_says_why(exclusive, predict, pictures, tmp_path, case):
    one = sorted(pictures.iterdir())[0]
    models = tmp_path / "models"
    shutil.copytree(exclusive.folder / "models", models)
    path = conformal_path(models)
    known = read_json(path)
    if case == "missing":
        path.unlink()
        reason = f"{path} is missing: run `dvc repro` to make it"
    elif case == "damaged":
        path.unlink()
        path.write_text(json.dumps(known))
        _, said = predict("--models", models, "--run", "stacked", one, status=2)
        assert len(said) == 1
        assert said[0].startswith(f"error: {path} is damaged")
        return
    elif case == "other model":  # of one of its members
        beside = models / "runs/snn.json"
        stored = read_json(beside)
        beside.unlink()
        write_checked_json(beside, stored | {"temperature": 2.0})
        reason = f"stacked was trained after {path} was made: run `dvc repro`"
    else:
        path.unlink()
        if case == "several":
            known["multilabel"] = True
            reason = "a picture may have several, and a set is to hold the one"
        else:
            known["runs"]["stacked"]["threshold"] = None
            reason = "90 % needs more pictures in validation"
        write_checked_json(path, known)
    out, said = predict("--models", models, "--run", "stacked", "--json", one)
    assert said == [f"no sets of classes: {reason}"]
    (row,) = json.loads(out)
    assert list(row) == ["path", "probabilities", "none_of_these"]

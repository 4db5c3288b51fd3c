"""Which stages an edit runs again: `dvc status` in a copy of the project."""

from __future__ import annotations

import json

import pytest

CLASSIFIERS = {f"classifier@{name}" for name in ("snn", "boosted", "adam", "logistic")}
CNNS = {"cnn@small_cnn", "cnn@lenet"}
SWEPT = {"sweep@learning_rate", "comparison@logistic"}
ALONE = {
    "ingest",
    "weights",
    "features",
    "layers",
    "novelty",
    "pca",
    "pixels",
    "evaluate",
    "curve",
    "insight",
    "report",
}


@pytest.mark.parametrize(
    ("file", "stages"),
    [
        ("pipeline/report/sections/confusion.py", {"report"}),
        ("pipeline/report/style.css.jinja", {"report"}),
        ("pipeline/ingest/sources/folder.py", {"ingest"}),
        ("pipeline/ingest/findings.py", {"ingest"}),
        ("pipeline/cnns/architectures/lenet.py", CNNS),
        ("pipeline/backbones/weights.py", {"weights", *CNNS}),
        ("pipeline/pca/decomposition.py", {"pca"}),
        ("pipeline/nn/layers.py", {*CLASSIFIERS, *SWEPT}),
        ("pipeline/measure/intervals.py", {"comparison@logistic", "evaluate", "report"}),
        ("pipeline/measure/resampling.py", {"curve", "insight"}),
        ("pipeline/core/files.py", {*ALONE, *CLASSIFIERS, *CNNS, *SWEPT, "stack@stacked"}),
        ("pipeline/params.py", set()),
        ("pipeline/__main__.py", set()),
        ("pipeline/predict.py", set()),
        ("pipeline/presets/catalogue.py", set()),
    ],
)
def test_an_edit_runs_again_what_it_can_touch(made_project_copy, file, stages):
    path = made_project_copy.folder / file
    before = path.read_text("utf-8")
    path.write_text(before + "\n", "utf-8")
    try:
        status = json.loads(made_project_copy.run("dvc", "status", "--json"))
    finally:
        path.write_text(before, "utf-8")
    assert set(status) == stages


def test_nothing_has_changed_before_an_edit(made_project_copy):
    assert json.loads(made_project_copy.run("dvc", "status", "--json")) == {}

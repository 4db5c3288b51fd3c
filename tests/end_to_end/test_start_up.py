"""Which large libraries a stage has imported when it has run: each takes a second or more."""

from __future__ import annotations

import json

import pytest

LARGE = {
    "torch", "timm", "torchvision", "datasets", "huggingface_hub", "sklearn", "scipy", "pandas",
    "altair", "pi_heif",
}  # fmt: skip
CODE = f"""
import json, runpy, sys
runpy.run_module("pipeline", run_name="__main__", alter_sys=True)
print()
print(json.dumps(sorted({LARGE!r} & sys.modules.keys())))
"""
TIMM = {"timm", "torchvision", "huggingface_hub"}  # and what it imports
SKLEARN = {"sklearn", "scipy", "pandas"}


@pytest.mark.parametrize(
    ("stage", "needs"),
    [
        ("ingest", {"pandas", "scipy"}),
        ("weights", {"torch", *TIMM}),
        ("features", {"torch"}),
        ("novelty", {"pandas"}),
        ("pca", {"torch", "pandas"}),
        ("pixels", set()),
        ("classifier snn", SKLEARN),
        ("classifier logistic", SKLEARN),
        ("cnn small_cnn", {"torch", "scipy", "pandas"}),
        ("stack stacked", SKLEARN),
        ("sweep learning_rate", SKLEARN),
        ("comparison logistic", SKLEARN),
        ("evaluate", SKLEARN),
        ("curve", SKLEARN),
        ("insight", SKLEARN),
        ("report", {"altair", "scipy", "pandas"}),
    ],
)
def test_a_stage_imports_what_it_needs(made_project_copy, stage, needs):
    output = made_project_copy.run("python", "-c", CODE, *stage.split(), forked=False)
    assert set(json.loads(output.splitlines()[-1])) == needs

"""No stage leaves anything where it cannot write, and each says so in one line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipeline.artifacts import vectors

STAGES = YAML(typ="safe").load(Path(__file__).parents[2] / "dvc.yaml")["stages"]
ENTRIES = {
    "classifier": "boosted",
    "cnn": "lenet",
    "stack": "stacked",
    "sweep": "learning_rate",
    "comparison": "logistic",
}


@pytest.mark.slow(reason="starts Python for each stage")
@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_that_may_write_little(made_project_copy, tmp_path, stage):
    """Files may have 100 bytes, as on a disk that is all but full: Python wants some itself."""
    folder = made_project_copy.folder
    if stage == "features":  # whose vectors would be kept
        folder = made_project_copy.copy(tmp_path / "project").folder
        shutil.rmtree(folder / vectors.VECTORS)
    before = files(folder)
    name = f"{stage}@{ENTRIES[stage]}" if stage in ENTRIES else stage
    command = ["prlimit", "--fsize=100", sys.executable]
    done = subprocess.run(
        [*command, *made_project_copy.command(name)[1:]], cwd=folder, capture_output=True,
        text=True, check=False, env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert "make room" in done.stderr
    assert files(folder) <= before


def files(folder):
    return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}

"""What runs left that are no longer in params.yaml."""

from __future__ import annotations

from pathlib import Path


def test_what_a_removed_run_left_is_said_listed_and_removed(project):
    before = project.digests("data", "models", "reports")
    assert "0 files" in project.run("python", "-m", "pipeline.clean")
    (project.folder / "models/checkpoints").mkdir(exist_ok=True)
    (project.folder / "models/checkpoints/lenet.0.safetensors").touch()
    checkpoint = project.folder / "models/checkpoints/small_cnn.0.safetensors"
    checkpoint.touch()
    project.set(
        **{
            "classifiers.boosted": None, "cnns.lenet": None, "sweeps": {}, "comparisons": {},
            "stacks.stacked.runs": ["snn", "adam"],
        }
    )  # fmt: skip
    said = project.run("dvc", "repro", "evaluate", "report")
    assert "files of runs that are not in params.yaml; list: `python -m pipeline.clean`" in said
    made = project.digests("data", "models", "reports")
    listed = project.run("python", "-m", "pipeline.clean").splitlines()
    assert project.digests("data", "models", "reports") == made
    files = {line.split("MB  ")[1] for line in listed[:-1]}
    assert {"models/runs/boosted.json", "reports/sweeps/learning_rate.csv"} <= files
    assert {"models/checkpoints/lenet.0.safetensors", "reports/times/runs/lenet.js"} <= files
    assert {Path(name).name.partition(".")[0] for name in files} == {
        "boosted", "lenet", "learning_rate", "logistic",
    }  # fmt: skip
    assert {name for name in files if "logistic" in name} == {
        f"reports/comparisons/logistic.{ending}" for ending in ("csv", "json")
    }
    project.run("python", "-m", "pipeline.clean", "--remove")
    assert project.digests("data", "models", "reports").keys() == made.keys() - files
    assert checkpoint.exists()
    assert before.keys() > made.keys() - files - {str(checkpoint.relative_to(project.folder))}
    assert "0 files" in project.run("python", "-m", "pipeline.clean")

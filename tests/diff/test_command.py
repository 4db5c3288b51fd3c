"""`python -m pipeline.diff` with the real dvc and git."""

from __future__ import annotations

import pandas as pd

COMMAND = ("python", "-m", "pipeline.diff")


def test_a_change_of_one_run_is_told_and_shown(project):
    said = project.run(*COMMAND)
    assert said.endswith("diff: reports/diff.html\n")
    assert (project.folder / "reports/diff.csv").read_text("utf-8").count("\n") == 1
    project.set(**{"classifiers.snn.learning_rate": 0.0001})
    project.run(*project.command("classifier@snn"))
    said = {line.split()[0]: line for line in project.run(*COMMAND).splitlines() if line}
    changed = pd.read_csv(project.folder / "reports/diff.csv", dtype=str)
    assert set(changed["run"]) == {"snn"}
    assert said["snn"].split()[-1] == str(len(changed))
    assert said["adam"].split()[-1] == "0"
    page = (project.folder / "reports/diff.html").read_text("utf-8")
    assert page.count("<h2>") == page.count("<h2>snn</h2>") == 1
    assert page.count("<figure>") == min(len(changed), 8)
    assert project.run(*COMMAND, "HEAD", "HEAD").count(" 0\n") == len(said) - 2


def test_what_cannot_be_compared(project):
    said = project.run(*COMMAND, "v1", status=2)
    assert said.startswith("error: unknown Git revision 'v1': give revisions of this repository")
    project.set(**{"classifiers.snn.learning_rate": 0.0001})
    project.run("dvc", "repro", "classifier@snn")
    project.commit("after")
    project.run("dvc", "gc", "--workspace", "--force")
    said = project.run(*COMMAND, "HEAD~1", status=2)
    assert said.startswith(
        "error: data/predictions/snn.parquet of HEAD~1 is neither in DVC's cache"
    )
    assert said.count("\n") == 1

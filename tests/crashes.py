"""Crashes on purpose, and what a rerun makes of them: `python tests/crashes.py [--kills 20]`.

A small project runs through once. Then, again and again, all of it is forced to run anew, is killed
or stopped at a random moment, and run again: every file must have the bytes of the first run. Then
one process of each stage that may have several is killed, and the stage run again by as many or by
others: its files must have the bytes of an undisturbed run by so many. It takes some minutes and
prints a table.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import psutil
from project import Project
from ruamel.yaml import YAML

FORCED = ("dvc", "repro", "--force", "--no-run-cache")
AGAIN = ("dvc", "repro", "--no-run-cache")
LAUNCHERS = {1: "python", 2: "torchrun --standalone --nproc-per-node 2"}
SEVERAL = ("features", "pca", "cnn@lenet")  # stages that several processes may run
LONGER = {"ingest.source.pictures": 900, "cnns.lenet.epochs": 12}  # for there to be moments


def made(project: Project) -> dict[str, str]:
    """The digests of all that the stages made, but for how long it took."""
    found = project.digests("data", "models", "reports")
    return {name: of for name, of in found.items() if not name.startswith("reports/times/")}


def start(project: Project, *command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command, cwd=project.folder, start_new_session=True, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def stopped(project: Project, number: int, after: float) -> str:
    """Send a signal to all processes of a forced run; returns the stage that ran last."""
    process = start(project, *FORCED)
    time.sleep(after)
    os.killpg(process.pid, number)
    said, _ = process.communicate()
    stages = [line.split("'")[1] for line in said.splitlines() if line.startswith("Running stage")]
    return stages[-1] if stages else "none"


def rerun(project: Project, expected: dict[str, str]) -> str:
    """Run what is missing; whether all is as in the first run."""
    process = start(project, *AGAIN)
    said, _ = process.communicate()
    if process.returncode:
        return f"status {process.returncode}: {said.splitlines()[-1]}"
    found = made(project)
    other = sorted(n for n in expected.keys() | found.keys() if expected.get(n) != found.get(n))
    return f"other: {', '.join(other[:3])}" if other else "the same bytes"


def crashes(project: Project, kills: int, seed: int) -> Iterator[tuple[str, str, str]]:
    """What was done, where, and what a rerun made."""
    expected = made(project)
    begin = time.monotonic()
    subprocess.run(FORCED, cwd=project.folder, check=True, capture_output=True)
    seconds = time.monotonic() - begin
    yield "forced to run anew", "", rerun(project, expected)
    dice = random.Random(seed)
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
        for _ in range(kills if number == signal.SIGKILL else max(1, kills // 7)):
            after = dice.uniform(1, seconds)
            stage = stopped(project, number, after)
            yield f"{number.name} after {after:.1f} s", stage, rerun(project, expected)
    first = start(project, *FORCED)
    time.sleep(3)
    second = subprocess.run(AGAIN, cwd=project.folder, capture_output=True, text=True, check=False)
    first.communicate()
    said = second.stderr.strip().splitlines()[-1][:80]
    yield "two at once", f"the second: {second.returncode}, {said}", rerun(project, expected)


def launch(project: Project, stage: str, processes: int, *options: str) -> subprocess.Popen[str]:
    """`dvc repro` of this stage alone, by so many processes."""
    project.set(launcher=LAUNCHERS[processes])
    return start(project, *AGAIN, "--single-item", *options, stage)


def afresh(project: Project, stage: str, processes: int) -> tuple[subprocess.Popen[str], float]:
    """The stage forced to run with nothing kept, and when its processes were there."""
    if stage == "features":
        shutil.rmtree(project.folder / "data/vectors", ignore_errors=True)  # they would be kept
    process = launch(project, stage, processes, "--force")
    while len(workers(process)) < processes:
        if process.poll() is not None:
            sys.exit(process.communicate()[0])
        time.sleep(0.05)
    return process, time.monotonic()


def workers(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The processes of the stage itself, below dvc and its launcher."""
    found = []
    for child in psutil.Process(process.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            words = child.cmdline()
            if "pipeline" in words and not any("torch" in word for word in words):
                found.append(child)
    return found


def outputs(project: Project, stage: str) -> dict[str, str]:
    """The digests of what the stage made."""
    lock = YAML(typ="safe").load(project.folder / "dvc.lock")["stages"][stage]
    outs = tuple(out["path"] for out in lock["outs"])
    return {name: of for name, of in made(project).items() if name.startswith(outs)}


def relaunches(project: Project, kills: int, seed: int) -> Iterator[tuple[str, str, str]]:
    """What was done, where, and what a rerun by as many processes or others made."""
    dice = random.Random(seed)
    for stage in SEVERAL:
        undisturbed, seconds = {}, {}
        for processes in LAUNCHERS:
            process, begin = afresh(project, stage, processes)
            while workers(process):
                time.sleep(0.05)
            seconds[processes] = time.monotonic() - begin
            process.communicate()
            undisturbed[processes] = outputs(project, stage)
        for before, after in ((2, 1), (1, 2), (2, 2)) * kills:
            process, _ = afresh(project, stage, before)
            late = dice.uniform(0.2, 0.9) * seconds[before]
            time.sleep(late)
            if running := workers(process):
                dice.choice(running).kill()
            process.communicate()
            status = process.returncode  # 0: it was done before
            again = launch(project, stage, after)
            said, _ = again.communicate()
            if again.returncode:
                found = f"status {again.returncode}: {said.splitlines()[-1]}"
            else:
                same = outputs(project, stage) == undisturbed[after]
                found = "the same bytes" if same else "other bytes"
            what = f"SIGKILL of 1 of {before} after {late:.1f} s (status {status}), then {after}"
            yield what, stage, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    folder = Path(tempfile.mkdtemp())
    project = Project(folder / "project")
    project.run("dvc", "repro", forked=False)
    larger = Project(folder / "larger")
    larger.set(**LONGER)
    larger.run("dvc", "repro", "pca", "cnn@lenet", forked=False)
    print("| what | where | after a rerun |\n|---|---|---|", flush=True)
    wrong = 0
    rows = (
        crashes(project, options.kills, options.seed),
        relaunches(larger, max(1, options.kills // 7), options.seed),
    )
    for row in chain(*rows):
        print(f"| {' | '.join(row)} |", flush=True)
        wrong += row[-1] != "the same bytes"
    shutil.rmtree(folder)
    sys.exit(f"{wrong} went wrong" if wrong else 0)


if __name__ == "__main__":
    main()

"""Crashes on purpose, and what a rerun makes of them: `python tests/crashes.py [--kills 20]`.

A small project runs through once. Then, again and again, all of it is forced to run anew, is killed
or stopped at a random moment, and run again: every file must have the bytes of the first run. It
takes some minutes and prints a table.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from project import Project

FORCED = ("dvc", "repro", "--force", "--no-run-cache")
AGAIN = ("dvc", "repro", "--no-run-cache")


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    folder = Path(tempfile.mkdtemp())
    project = Project(folder / "project")
    project.run("dvc", "repro", forked=False)
    print("| what | where | after a rerun |\n|---|---|---|", flush=True)
    wrong = 0
    for row in crashes(project, options.kills, options.seed):
        print(f"| {' | '.join(row)} |", flush=True)
        wrong += row[-1] != "the same bytes"
    shutil.rmtree(folder)
    sys.exit(f"{wrong} went wrong" if wrong else 0)


if __name__ == "__main__":
    main()

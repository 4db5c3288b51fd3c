"""A small copy of this project in a folder of its own, driven as a user does: by `dvc`."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from processes import run
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
TINY = {
    "ingest.source.pictures": 144,
    "ingest.source.size": 64,
    "ingest.source.painters": 24,
    "pca.components": 12,
    "evaluate.bootstrap": 100,
    "curve.bootstrap": 100,
    "insight.bootstrap": 100,
    "insight.doubts.shown": 8,
    "report.samples": 8,
    "report.mistakes": 8,
    **{f"classifiers.{name}.hidden": [16] for name in ("snn", "boosted", "adam")},
    **{f"classifiers.{name}.epochs": 3 for name in ("snn", "boosted", "adam")},
    **{f"classifiers.{name}.repeats": 2 for name in ("snn", "boosted", "adam")},
    **{f"classifiers.{name}.folds": 2 for name in ("snn", "boosted", "adam", "logistic")},
    "pixels.size": 12,
    **{f"cnns.{name}.epochs": 2 for name in ("small_cnn", "lenet")},
    **{f"cnns.{name}.batch_size": 16 for name in ("small_cnn", "lenet")},
    **{f"{name}.calibrate": "temperature" for name in ("classifiers.adam", "cnns.lenet")},
    "stacks.stacked.calibrate": "temperature",
    "sweeps.learning_rate.vary.learning_rate": [0.01, 0.1],
    "comparisons.logistic.draws": 2,
}


class Project:
    """The project's files in `folder`, under git, with the parameters of TINY."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        ).stdout.splitlines()  # fmt: skip
        for name in listed:
            if (ROOT / name).is_file() and name != "dvc.lock":
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, folder / name)
        self.set(**TINY)
        self.run("git", "init", "--quiet")
        self.commit("tiny")

    def copy(self, folder: Path) -> Project:
        """The same project in another folder, its cache included, whose files nobody changes."""
        cache = Path(".dvc/cache")
        shutil.copytree(
            self.folder, folder, symlinks=True,
            ignore=lambda place, _: [cache.name] if Path(place).name == cache.parent.name else [],
        )  # fmt: skip
        shutil.copytree(self.folder / cache, folder / cache, copy_function=os.link)
        return Project.at(folder)

    @classmethod
    def at(cls, folder: Path) -> Project:
        """The project that is in `folder`."""
        project = object.__new__(cls)
        project.folder = folder
        return project

    def command(self, stage: str) -> list[str]:
        """The command of a stage of dvc.yaml, to run without dvc."""
        yaml = YAML(typ="safe")
        launcher = yaml.load(self.folder / "params.yaml")["launcher"]
        name, _, key = stage.partition("@")
        made = yaml.load(self.folder / "dvc.yaml")["stages"][name]
        command = made.get("do", made)["cmd"].replace("${launcher}", launcher)
        return command.replace("${key}", key).split()

    def run(self, *command: str, status: int = 0, forked: bool = True) -> str:
        """Run a command there; its output, both streams. The exit status must be `status`."""
        return run(*command, folder=self.folder, status=status, forked=forked)

    def commit(self, message: str) -> None:
        self.run("git", "add", "--all")
        author = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
        self.run("git", *author, "commit", "--quiet", "--message", message)

    def set(self, **values: Any) -> None:
        """Edit params.yaml: keys with dots; None removes the key."""
        yaml, path = YAML(), self.folder / "params.yaml"
        params = yaml.load(path)
        for key, value in values.items():
            *parents, last = key.split(".")
            section = params
            for parent in parents:
                section = section[parent]
            if value is None:
                del section[last]
            else:
                section[last] = value
        yaml.dump(params, path)

    def digests(self, *names: str) -> dict[str, str]:
        """SHA-256 of every file below the folders `names`."""
        files = [f for name in names for f in (self.folder / name).rglob("*") if f.is_file()]
        return {
            str(file.relative_to(self.folder)): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in files
        }


def stages_run(output: str) -> list[str]:
    """The stages that `dvc` says it ran."""
    return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]

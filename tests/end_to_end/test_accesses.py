"""What a stage reads and writes is what dvc.yaml says, no more and no less.

The kernel tells which files are opened, whatever library opens them; files that are new, gone or
others than before were written. Code is compared in tests/test_dag.py.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from project import Project
from ruamel.yaml import YAML
from watchdog.events import FileOpenedEvent, FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

FOLDERS = ("data", "models", "reports")  # all that lies between stages
STAGES = [
    "ingest", "weights", "features", "novelty", "pca", "pixels", "classifier@snn",
    "classifier@logistic", "cnn@small_cnn", "stack@stacked", "sweep@learning_rate",
    "comparison@logistic", "evaluate", "curve", "insight", "report",
]  # fmt: skip
# Deps that this project's parameters leave unread: dvc.yaml cannot say on what value it depends.
UNREAD = {
    "ingest": {"data/raw": "invented painters read nothing"},
    "weights": {"models/pretrained": "packaged weights are asked for"},
    "cnn": {"models/pretrained": "no transfer is asked for"},
    "sweep": dict.fromkeys(("data/features", "data/pixels"), "the base's input is components"),
    "comparison": dict.fromkeys(("data/components", "data/pixels"), "the input is features"),
    "report": {"data/stacked": "mistakes are shown of the best run, which is no stack"},
}
# Outside deps and outs on purpose.
TIMES = {"reports/times": "differ from run to run, for the page to show"}
OUTSIDE = dict.fromkeys(("classifier", "cnn", "stack", "sweep"), TIMES)


class Opened(FileSystemEventHandler):
    def __init__(self) -> None:
        self.paths: set[Path] = set()

    def on_opened(self, event: FileSystemEvent) -> None:
        if isinstance(event, FileOpenedEvent):
            self.paths.add(Path(str(event.src_path)))


@contextmanager
def watched(folder: Path) -> Iterator[Opened]:
    """Files below FOLDERS that anybody opens meanwhile."""
    opened, observer = Opened(), Observer()
    for name in FOLDERS:
        observer.schedule(opened, str(folder / name), recursive=True)
    observer.start()
    try:
        yield opened
        # Each folder's events come in order: after its sentinel there are none of before.
        sentinels = {folder / name / "sentinel" for name in FOLDERS}
        for sentinel in sentinels:
            sentinel.touch()
        deadline = time.monotonic() + 60
        while not sentinels <= opened.paths:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        for sentinel in sentinels:
            sentinel.unlink()
        opened.paths -= sentinels
    finally:
        observer.stop()
        observer.join()


def states(folder: Path) -> dict[Path, tuple[int, int]]:
    """Of every file: what changes when it is written or replaced."""
    files = (path for name in FOLDERS for path in (folder / name).rglob("*") if path.is_file())
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}


def listed(project: Project, stage: str) -> tuple[set[str], set[str]]:
    """Paths of the deps that are no code, and of outs and metrics."""
    lock = YAML(typ="safe").load(project.folder / "dvc.lock")["stages"][stage]
    deps = {dep["path"] for dep in lock["deps"]}
    return {d for d in deps if not d.startswith("pipeline/")}, {o["path"] for o in lock["outs"]}


def covered(paths: set[str], by: Iterable[str]) -> set[str]:
    """Those of `paths` that are one of `by` or below one."""
    return {path for path in paths if {path, *map(str, Path(path).parents)} & set(by)}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_reads_its_deps_and_writes_its_outs(made_project_copy, stage):
    project = made_project_copy
    kind = stage.partition("@")[0]
    if kind == "features":
        shutil.rmtree(project.folder / "data/vectors")  # otherwise kept, and nothing computed
    before = states(project.folder)
    with watched(project.folder) as opened:
        project.run(*project.command(stage))
    after = states(project.folder)
    changed = {p for p in before.keys() | after.keys() if before.get(p) != after.get(p)}
    written = {str(path.relative_to(project.folder)) for path in changed}
    read = {str(p.relative_to(project.folder)) for p in opened.paths & before.keys() - changed}
    deps, outs = listed(project, stage)
    unread, outside = UNREAD.get(kind, {}), OUTSIDE.get(kind, {})

    assert read - covered(read, deps) == set()
    assert written - covered(written, {*outs, *outside}) == set()
    assert {dep for dep in deps if not covered(read, [dep])} == set(unread)
    assert {out for out in outs if not covered(written, [out])} == set()


def test_a_file_that_no_stage_lists_would_be_seen(tmp_path):
    for name in FOLDERS:
        (tmp_path / name).mkdir()
    secret = tmp_path / "data" / "secret.csv"
    secret.write_text("1")
    with watched(tmp_path) as opened:
        secret.read_text()
    assert opened.paths == {secret}

"""Commands as processes; those of the pipeline without the seconds in which they import torch.

`python -m pipeline.…` is forked from a process that has the libraries in memory and nothing of
ours: what runs is the code of its folder, with streams, signals and an exit status of its own.
Variables that a library reads when it is imported come too late for it.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path

FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload(["pydantic", "sklearn.linear_model", "sklearn.neighbors", "timm"])


def run(
    *command: str, folder: Path, status: int = 0, errors: Path | None = None, **variables: str
) -> str:
    """What `command`, run in `folder`, prints; both streams unless there is a file for `errors`.

    The exit status must be `status`. variables: of the environment, beside those there are.
    """
    with tempfile.TemporaryDirectory() as kept:
        output = Path(kept, "output")
        streams = output, errors or output
        if command[:2] == ("python", "-m") and command[2].startswith("pipeline."):
            process = start(*command, folder=folder, streams=streams, **variables)
            process.join()
            found = process.exitcode
        else:
            path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
            with streams[0].open("ab") as out, streams[1].open("ab") as err:
                found = subprocess.run(
                    command, cwd=folder, env={**os.environ, "PATH": path, **variables},
                    stdout=out, stderr=err, check=False,
                ).returncode  # fmt: skip
        printed = output.read_text("utf-8")
    told = printed + (errors.read_text("utf-8") if errors else "")
    assert found == status, f"{command}: {found}\n{told}"
    return printed


def start(*command: str, folder: Path, streams: tuple[Path, Path], **variables: str) -> BaseProcess:
    """`python -m pipeline.…` in `folder`, forked; its streams end in two files or in one."""
    environment = {**os.environ, **variables}
    process = FORKED.Process(target=_become, args=(command[2:], folder, streams, environment))
    process.start()
    return process


def _become(
    arguments: tuple[str, ...],
    folder: Path,
    streams: tuple[Path, Path],
    environment: Mapping[str, str],
) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for number, path in enumerate(streams, 1):
        with path.open("ab") as file:
            os.dup2(file.fileno(), number)
    sys.path[:0] = [str(folder), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    sys.argv = list(arguments)
    runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)

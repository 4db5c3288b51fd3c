"""Commands as processes; those of the pipeline are forked, also where dvc starts them."""

from __future__ import annotations

import atexit
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import forks
from forks import Forked


def run(
    *command: str,
    folder: Path,
    status: int = 0,
    errors: Path | None = None,
    forked: bool = True,
    **variables: str,
) -> str:
    """What `command`, run in `folder`, prints; both streams unless there is a file for `errors`.

    The exit status must be `status`. forked: not with Python started anew, as a user's is.
    variables: of the environment, beside those there are.
    """
    with tempfile.TemporaryDirectory() as kept:
        output = Path(kept, "output")
        streams = output, errors or output
        if forked and command[0] == "torchrun":
            command = ("python", "-m", "torch.distributed.run", *command[1:])
        if forked and command[:2] == ("python", "-m"):
            found = start(*command, folder=folder, streams=streams, **variables).wait()
        else:
            with streams[0].open("ab") as out, streams[1].open("ab") as err:
                found = subprocess.run(
                    command, cwd=folder, env=_environment(variables, forked=forked),
                    stdout=out, stderr=err, check=False,
                ).returncode  # fmt: skip
        printed = output.read_text("utf-8")
    told = printed + (errors.read_text("utf-8") if errors else "")
    assert found == status, f"{command}: {found}\n{told}"
    return printed


def start(*command: str, folder: Path, streams: tuple[Path, Path], **variables: str) -> Forked:
    """`python -m MODULE …` in `folder`, forked; its streams end in two files or in one."""
    environment = _environment(variables, forked=True)
    nothing, output, errors = Path(os.devnull), *streams
    with nothing.open() as read, output.open("ab") as out, errors.open("ab") as err:
        numbers = [file.fileno() for file in (read, out, err)]
        address = str(_server() / "address")
        return Forked(
            address, command[1:], folder=str(folder), environment=environment, streams=numbers
        )


def _environment(variables: Mapping[str, str], *, forked: bool) -> dict[str, str]:
    """With our commands first in PATH, and before them the `python` that forks."""
    environment = {**os.environ, **variables}
    places = [str(Path(sys.executable).parent), environment["PATH"]]
    if forked:
        places.insert(0, str(_server()))
        environment["PYTHON_EXEC"] = str(_server() / "python")  # what torchrun starts
    return {**environment, "PATH": os.pathsep.join(places)}


@cache
def _server() -> Path:
    """The folder of this process's server, begun at the first call: `address`, and a `python`."""
    kept = tempfile.TemporaryDirectory(prefix="forks")
    folder = Path(kept.name)
    words = [sys.executable, "-IS", forks.__file__, "run", str(folder / "address")]
    (folder / "python").write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    (folder / "python").chmod(0o755)
    server = subprocess.Popen(
        [sys.executable, forks.__file__, "serve", folder / "address"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert server.stdin is not None
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n"

    def end() -> None:
        server.communicate()  # which closes its standard input
        kept.cleanup()

    atexit.register(end)
    return folder

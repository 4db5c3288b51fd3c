"""Processes of Python without the seconds in which they import their libraries.

`python -m MODULE …` is forked from a server that has the libraries in memory and nothing of ours:
what runs is the code of its folder, with streams, signals and an exit status of its own. Variables
that a library reads when it is imported come too late for it. As a script this file is the server
(`serve ADDRESS`), or what stands in for `python` where dvc looks for it (`run ADDRESS …`).
"""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import runpy
import select
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

LIBRARIES = [
    "altair", "captum.attr", "jinja2", "pandas", "PIL.Image", "pyarrow.parquet", "pydantic",
    "ruamel.yaml", "safetensors.torch", "scipy.fft", "scipy.optimize", "sklearn.linear_model",
    "sklearn.neighbors", "timm", "torch", "torch.distributed.run", "torchvision.datasets",
    "torchvision.transforms.v2", "tqdm", "vl_convert",
]  # fmt: skip


class Forked:
    """`python ARGUMENTS` in a folder, begun; streams: descriptors of its three."""

    def __init__(
        self,
        address: str,
        arguments: Sequence[str],
        *,
        folder: str,
        environment: Mapping[str, str],
        streams: Sequence[int],
    ) -> None:
        self._server = socket.socket(socket.AF_UNIX)
        self._server.connect(address)
        request = json.dumps([list(arguments), folder, dict(environment)]).encode()
        socket.send_fds(self._server, [len(request).to_bytes(8, "big")], streams)
        self._server.sendall(request)
        self._answers = self._server.makefile()
        self._pid = int(self._answers.readline())

    def is_alive(self) -> bool:
        """Whether its status has not come yet."""
        return not select.select([self._server], [], [], 0)[0]

    def send(self, number: int) -> None:
        """A signal, if it is still there."""
        with suppress(ProcessLookupError):
            os.kill(self._pid, number)

    def wait(self) -> int:
        """Its status when it has ended; negative: of the signal that ended it."""
        with self._server, self._answers:
            return int(self._answers.readline())


def serve(address: str) -> None:
    """Fork at every request, until standard input ends."""
    for library in LIBRARIES:
        __import__(library)
    gc.freeze()  # in what is forked it would copy the memory that it looks through
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        server.listen()
        print("ready", flush=True)
        while sys.stdin not in select.select([server, sys.stdin], [], [])[0]:
            connection, _ = server.accept()
            if os.fork() == 0:
                _attend(connection)
                break
            connection.close()
    os._exit(0)  # without the seconds in which the libraries are taken down


def _attend(connection: socket.socket) -> None:
    """Fork what a request asks for, wait for it and tell its status."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    head, streams, *_ = socket.recv_fds(connection, 8, 3)
    with connection.makefile("rb") as sent:
        request = json.loads(sent.read(int.from_bytes(head, "big")))
    process = multiprocessing.get_context("fork").Process(target=_become, args=(streams, *request))
    process.start()
    for stream in streams:
        os.close(stream)
    with suppress(BrokenPipeError):  # who asked has been killed
        connection.sendall(f"{process.pid}\n".encode())
        process.join()
        connection.sendall(f"{process.exitcode}\n".encode())


def _become(
    streams: Sequence[int], arguments: list[str], folder: str, environment: dict[str, str]
) -> None:
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:1] = [folder, *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))]
    sys.argv = arguments[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def main() -> None:
    role, address, *arguments = sys.argv[1:]
    if role == "serve":
        serve(address)
    elif (words := [word for word in arguments if word != "-u"])[:1] == ["-m"]:
        forked = Forked(
            address, words, folder=str(Path.cwd()), environment=os.environ, streams=(0, 1, 2)
        )
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):  # meant for what was forked
            signal.signal(number, lambda number, _: forked.send(number))
        status = forked.wait()
        sys.exit(status if status >= 0 else 128 - status)
    else:
        os.execv(sys.executable, [sys.executable, *arguments])


if __name__ == "__main__":
    main()

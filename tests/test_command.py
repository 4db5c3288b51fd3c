"""Ways a command ends."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

RUN = "from pipeline.command import run\nfrom pipeline.core.errors import UserError\n{}\nrun(main)"
WAIT = """

import time
from pathlib import Path
from pipeline.core.files import replacing
def main():
    with replacing(Path("left")) as path:
        path.write_text("half")
        print("ready", flush=True)
        time.sleep(60)
"""


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ("def main(): raise UserError('a\\n  b')", 2, "error: a b\n"),
        ("def main(): bytearray(2 ** 62)", 2, "error: not enough memory"),
        (
            "def main(): raise OSError(28, 'No space left')",
            2,
            "error: [Errno 28] No space left: make",
        ),
        ("def main(): print('done')", 0, ""),
    ],
)
def test_status_and_line(body, status, said):
    command = [sys.executable, "-c", RUN.format(body)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == status
    assert done.stderr.startswith(said)
    assert done.stderr.count("\n") == bool(said)


@pytest.mark.parametrize(
    ("number", "said"),
    [(signal.SIGINT, "interrupted: run it again\n"), (signal.SIGTERM, ""), (signal.SIGHUP, "")],
)
def test_an_interrupt_cleans_up_and_says_so(tmp_path, number, said):
    command = [sys.executable, "-c", RUN.format(WAIT)]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        assert (tmp_path / ".left.tmp").exists()
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (128 + number, said)
    assert list(tmp_path.iterdir()) == []

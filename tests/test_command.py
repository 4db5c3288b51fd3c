"""Ways a command ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest
from PIL import Image
from project import Project
from ruamel.yaml import YAML

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
        assert [path.suffix for path in tmp_path.iterdir()] == [".tmp"]
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (128 + number, said)
    assert list(tmp_path.iterdir()) == []


OTHER_ENCODINGS = {
    "cp1252": {"PYTHONIOENCODING": "cp1252"},
    "strict": {"PYTHONIOENCODING": "ascii:strict"},
    "posix": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}


@pytest.fixture(scope="module")
def japanese(tmp_path_factory):
    """A project with a class named 単, up to a classifier."""
    project = Project(tmp_path_factory.mktemp("japanese") / "project")
    for number, name in enumerate(["単", "café", "c"]):
        folder = project.folder / "data/raw" / name
        folder.mkdir(parents=True)
        for shade in range(12):
            colour = [20 * shade] * 3
            colour[number] = 255
            Image.new("RGB", (32, 32), tuple(colour)).save(folder / f"{number} 日 {shade}.png")
    project.set(
        **{
            "ingest.input": "data/raw",
            "ingest.source": {"kind": "folder"},
            "ingest.select.classes": ["単", "café", "c"],
            "classifiers.logistic.input": "pixels",
            "pixels.size": 8,
        }
    )
    for stage in ("ingest", "pixels", "classifier@logistic"):
        project.run(*project.command(stage))
    return project.folder


@pytest.fixture(params=["cp1252", "posix"])
def printed(japanese, request):
    """A module and its arguments -> what it prints, where few letters can be."""

    def of(*command, status=0):
        done = subprocess.run(
            [sys.executable, "-m", *command], cwd=japanese, capture_output=True, check=False,
            env=os.environ | OTHER_ENCODINGS[request.param],
        )  # fmt: skip
        assert done.returncode == status, done.stderr
        return done.stdout.decode("cp1252" if request.param == "cp1252" else "ascii"), done.stderr

    return of


@pytest.mark.parametrize("encoding", OTHER_ENCODINGS)
def test_letters_that_cannot_be_shown(encoding):
    command = [sys.executable, "-c", RUN.format("def main(): print('\\u5358 \\ud800')")]
    environment = os.environ | OTHER_ENCODINGS[encoding]
    done = subprocess.run(command, capture_output=True, check=True, env=environment)
    assert done.stdout.rstrip() == rb"\u5358 \ud800"


@pytest.mark.slow(reason="starts Python for each stage")
def test_stages_print_letters_that_cannot_be_shown(printed):
    assert "36 pictures of 3 classes" in printed("pipeline", "ingest")[0]
    assert "classifier logistic" in printed("pipeline", "classifier", "logistic")[0]


@pytest.mark.slow(reason="starts Python for each command")
def test_commands_print_letters_that_cannot_be_shown(printed):
    name = "data/raw/単/0 日 1.png"
    arguments = ("pipeline.predict", "--run", "logistic", name)
    path, *cells = printed(*arguments)[0].rstrip("\n").split("\t")
    assert path == r"data/raw/\u5358/0 \u65e5 1.png"
    assert {cell.split()[0] for cell in cells} >= {r"\u5358", "c"}
    [row] = json.loads(printed(*arguments, "--json")[0])
    assert row["path"] == name
    assert set(row["probabilities"]) == {"単", "café", "c"}
    shown = YAML(typ="safe").load(printed("pipeline.params")[0])
    assert shown["ingest"]["select"]["classes"] == ["単", "café", "c"]
    assert "quick" in printed("pipeline.presets")[0]
    assert printed("pipeline.reference") == ("", b"")
    error = printed("pipeline.predict", "missing 単.jpg", status=2)[1]
    assert error.startswith(rb"error: missing \u")

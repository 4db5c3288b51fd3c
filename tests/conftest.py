"""What several test modules use: pictures as bytes, a small project, the form of a user's error."""

import csv
import io
import json
import os
from contextlib import contextmanager

# Before the libraries read them, and for what the tests start: the processes of the tests share the
# cores, where threads in each of them would make all of them slower.
os.environ |= {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}

import numpy as np
import processes
import pytest
from filelock import FileLock
from PIL import Image
from project import Project

from pipeline.artifacts import audits, corrections, examinations, images
from pipeline.core.errors import UserError
from pipeline.core.parquet import Shards
from pipeline.ingest.params import Ingest
from pipeline.ingest.stage import ingest

PROJECT = {"made", "project", "made_project_copy"}
SHARES = {"validation": 0.2, "test": 0.2, "near_duplicates": "keep_together"}
LONG = ("process", "browser", "slow")  # markers of what takes long, the longest first


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """What one process takes as a whole: a file, for its fixtures; what changes a copy of `made` of
    its own goes to any. The marker of what starts processes. And what takes long goes first, so
    that no process is left alone with it at the end: a file that makes `made`, then what does not
    wait for it."""
    for item in items:
        if "project" not in item.fixturenames:
            item.add_marker(pytest.mark.xdist_group(str(item.path)))
        if PROJECT & {*item.fixturenames} or _uses(item.module, processes):
            item.add_marker("process")
    marked = {name: {i.path for i in items if i.get_closest_marker(name)} for name in LONG}
    waiting = [item for item in items if PROJECT & {*item.fixturenames}]
    first = next((i.path for i in waiting if "project" not in i.fixturenames), None)
    wait = {item.path for item in waiting}
    items.sort(
        key=lambda item: [
            item.path != first,
            item.path not in marked["process"],
            item.path in wait,
            *(item.path not in marked[name] for name in LONG),
        ]
    )


def _uses(module, other):
    """Whether a test module imports `other` or something of it."""
    return any(
        value is other or getattr(value, "__module__", None) == other.__name__
        for value in vars(module).values()
    )


@pytest.fixture
def refused():
    """`with refused("part", …):` the block raises a one-line `UserError` with these parts."""

    @contextmanager
    def expect(*parts):
        with pytest.raises(UserError) as caught:
            yield
        message = str(caught.value)
        assert "\n" not in message
        for part in parts:
            assert part in message

    return expect


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def one_thread():
    """torch in one thread: where the cores are shared, a second one is eight times slower."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def encode():
    """A Pillow image -> the bytes of a file."""

    def to_bytes(image, format="PNG", **options):
        buffer = io.BytesIO()
        image.save(buffer, format, **options)
        return buffer.getvalue()

    return to_bytes


@pytest.fixture(scope="session")
def picture(encode):
    """A number -> the bytes of a small picture of its own."""

    def paint(number, size=(24, 16)):
        rng = np.random.default_rng(number)
        coarse = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8))
        return encode(coarse.resize(size, Image.Resampling.BICUBIC))

    return paint


@pytest.fixture
def root(tmp_path, picture):
    """`root({"a/1.png": 7, …})`: a folder of files; a number stands for a picture of its own."""

    def make(files):
        for name, content in files.items():
            path = tmp_path / "raw" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(picture(content) if isinstance(content, int) else content)
        return tmp_path / "raw"

    return make


@pytest.fixture(scope="session")
def ingest_params():
    """Parameters of the stage ingest for a folder: the sections' entries that differ."""

    def make(root, *, source=(), megapixels=100, select=(), audit=(), split=()):
        everything = dict.fromkeys(("least_per_class", "per_class", "sample"), "none")
        everything |= {"classes": "all", "balance": False, "shortest_side": "none", "seed": 0}
        return Ingest(
            input=str(root),
            source={"kind": "folder", **dict(source)},
            max_megapixels=megapixels,
            select=everything | dict(select),
            split={"by": "picture", **SHARES, "seed": 0, **dict(split)},
            audit={"near_duplicates": 4, "leakage": "list"} | dict(audit),
        )

    return make


@pytest.fixture
def ingested(tmp_path, ingest_params, monkeypatch):
    """Run the stage's function on a folder, in tmp_path/out -> (rows by path, rejected rows, what
    it says)."""

    def run(root, **params):
        out = tmp_path / "out"
        out.mkdir(exist_ok=True)
        monkeypatch.chdir(out)
        said = ingest(ingest_params(root, **params))
        assert {*(out / "data").iterdir()} - {out / corrections.PATH} == {
            out / path for path in (examinations.PATH, images.PATH, audits.REJECTED)
        }
        assert sorted((out / "reports").iterdir()) == [
            out / path for path in (audits.TABLES, audits.SUMMARY)
        ]
        shards = Shards(images.PATH)
        rows = {row["image"]["path"]: row for row in shards.read(shards.schema.names).to_pylist()}
        return rows, csv_rows(audits.REJECTED), said

    return run


@pytest.fixture
def audited(tmp_path):
    """The audit that `ingested` left -> (audit.json, name of a CSV file -> its rows)."""

    def read():
        out = tmp_path / "out"
        tables = {f.stem: csv_rows(f) for f in (out / audits.TABLES).iterdir()}
        return json.loads((out / audits.SUMMARY).read_text("utf-8")), tables

    return read


def csv_rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="session")
def made(tmp_path_factory, worker_id):
    """A small project after its first `dvc repro`, and what that printed. Not to be changed."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "made"
    printed = folder.with_suffix(".txt")
    with FileLock(folder.with_suffix(".lock")):  # one of the test processes makes it for all
        if not printed.exists():
            project = Project(folder)
            output = project.run("dvc", "repro", forked=False)
            project.commit("results")
            printed.write_text(output, "utf-8")
    return Project.at(folder), printed.read_text("utf-8")


@pytest.fixture
def project(made, tmp_path):
    """A copy of `made` to change."""
    return made[0].copy(tmp_path / "project")


@pytest.fixture(scope="module")
def made_project_copy(made, tmp_path_factory):
    """A copy of `made` for a whole module."""
    return made[0].copy(tmp_path_factory.mktemp("copy") / "project")

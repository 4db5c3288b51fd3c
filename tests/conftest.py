"""What several test modules use: pictures as bytes, a small project, the form of a user's error."""

import io
import os
from contextlib import contextmanager

# Before the libraries read them, and for what the tests start: the processes of the tests share the
# cores, where threads in each of them would make all of them slower.
os.environ |= {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image
from project import Project

from pipeline.errors import UserError


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """The tests of a file stay in one process, for their fixtures; those of a project go to any."""
    for item in items:
        if "project" not in item.fixturenames:
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


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


@pytest.fixture(scope="session")
def made(tmp_path_factory, worker_id):
    """A small project after its first `dvc repro`, and what that printed. Not to be changed."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "made"
    printed = folder.with_suffix(".txt")
    with FileLock(folder.with_suffix(".lock")):  # one of the test processes makes it for all
        if not printed.exists():
            project = Project(folder)
            output = project.run("dvc", "repro")
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

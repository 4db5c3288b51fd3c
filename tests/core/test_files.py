"""Files that are written whole or not at all."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time

import pytest

from pipeline.core.checksums import checksum
from pipeline.core.files import HOST, in_writing, read_json, replacing, write_text


def test_replacing_a_file(tmp_path):
    path = tmp_path / "new" / "file.txt"
    with replacing(path) as temporary:
        temporary.write_text("one")
        assert not path.exists()

    def failing():
        with replacing(path) as temporary:
            temporary.write_text("two")
            raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError, match="the disk is full"):
        failing()
    assert path.read_text() == "one"
    assert list(path.parent.iterdir()) == [path]


WRITES = 100


def write_again_and_again(path, letter, folder, start):
    """WRITES times all of one letter, with a pause in the middle of each."""
    start.wait()
    for _ in range(WRITES):
        with replacing(path) as temporary:
            if folder:
                temporary.mkdir()
            for number in range(3):
                time.sleep(0.0002)
                with (temporary / str(number) if folder else temporary).open("a") as file:
                    file.write(letter * 1000)


@pytest.mark.parametrize("folder", [True, False], ids=["folder", "file"])
def test_two_writers_at_once(tmp_path, folder):
    """What is there is one's, whole, a file at every moment; in the end nothing else is left."""
    fork = multiprocessing.get_context("fork")
    path, start = tmp_path / "x", fork.Barrier(3)
    writers = [
        fork.Process(target=write_again_and_again, args=(path, letter, folder, start))
        for letter in "ab"
    ]
    for writer in writers:
        writer.start()
    start.wait()
    while any(writer.is_alive() for writer in writers) and not folder:
        if path.exists():
            content = path.read_text()
            assert content in ("a" * 3000, "b" * 3000)
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert list(tmp_path.iterdir()) == [path]
    if folder:
        contents = {file.name: file.read_text() for file in path.iterdir()}
        assert contents.keys() == {"0", "1", "2"}
        assert {*contents.values()} in ({"a" * 1000}, {"b" * 1000})


def killed_in_writing(path):
    with replacing(path) as temporary:
        temporary.mkdir()
        (temporary / "half").write_text("half")
        os.kill(os.getpid(), signal.SIGKILL)


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path):
    writer = multiprocessing.get_context("fork").Process(
        target=killed_in_writing, args=(tmp_path / "x",)
    )
    writer.start()
    writer.join()
    [left] = tmp_path.iterdir()
    assert not in_writing(left)
    living = tmp_path / f".x.{os.getppid()}@{HOST}.tmp"
    elsewhere = tmp_path / ".x.1@another-host.tmp"
    old = tmp_path / ".x.2@another-host.tmp"
    for path in (living, elsewhere, old):
        path.touch()
    os.utime(old, (0, 0))
    assert [in_writing(path) for path in (living, elsewhere, old)] == [True, True, False]
    write_text(tmp_path / "y", "")
    assert {*tmp_path.iterdir()} == {living, elsewhere, tmp_path / "y"}


@pytest.mark.parametrize(
    "values", ['{"a": ' * 99999, '{"a": ' + "[" * 99999], ids=["objects", "lists"]
)
def test_json_whose_checksum_fits_but_cannot_be_read(tmp_path, refused, values):
    start, end = f'{values}, "checksum": "'.encode(), b'"}\n'
    (tmp_path / "x.json").write_bytes(start + checksum(start, end).encode() + end)
    with refused(str(tmp_path / "x.json"), "damaged", "dvc repro"):
        read_json(tmp_path / "x.json")

"""What DVC cannot watch ends the stage before a picture is read."""

import os
import socket
from pathlib import Path

import pytest

from pipeline.ingest.watching import check_watched


@pytest.fixture
def there(root):
    return root({f"{name}/{i}.png": 10 * c + i for c, name in enumerate("ab") for i in range(6)})


@pytest.mark.parametrize("names", [[b"caf\xe9", b"caf\xe8"], [b"a/caf\xe9.png", b"a/caf\xe8.png"]])
def test_names_in_another_encoding(there, ingested, refused, names):
    for name in names:
        Path(os.fsdecode(os.fsencode(there) + b"/" + name)).mkdir()
    with refused("raw holds names that are no UTF-8", "caf\\xe8", "caf\\xe9", "convmv -f latin1"):
        ingested(there)
    assert not (there.parent / "out" / "data").exists()


@pytest.mark.parametrize("where", ["c", "a/more", "c/deep/er"])
def test_a_linked_folder(there, tmp_path, ingested, refused, where):
    (tmp_path / "elsewhere").mkdir()
    (there / where).parent.mkdir(parents=True, exist_ok=True)
    (there / where).symlink_to(tmp_path / "elsewhere")
    with refused("links to folders", f"'{where}'", "DVC does not see", "ingest.input"):
        ingested(there)


def test_a_link_in_a_circle(there, refused):
    (there / "a" / "up").symlink_to("..")
    with refused("links to folders", "'a/up'"):
        check_watched(there)


def test_linked_files_and_a_linked_input_are_read(there, tmp_path, ingested):
    for path in sorted((there / "a").iterdir())[:4]:
        moved = path.rename(tmp_path / path.name)
        path.symlink_to(moved)
    (tmp_path / "link").symlink_to(there)
    rows, rejected, _ = ingested(tmp_path / "link")
    assert len(rows) == 12
    assert not rejected


@pytest.mark.parametrize("target", ["nowhere", "x.png"])
def test_a_link_to_nothing(there, refused, target):
    for i in range(5):
        (there / "a" / f"x{i or ''}.png").symlink_to(target)
    with refused("links to nothing: 'a/x.png', 'a/x1.png', 'a/x2.png' and 2 more", "remove"):
        check_watched(there)


def test_pipes_sockets_and_devices(there, refused, monkeypatch):
    os.mkfifo(there / "a" / "pipe.png")
    with refused("pipes, sockets or devices: 'a/pipe.png'"):
        check_watched(there)
    (there / "a" / "pipe.png").unlink()
    (there / "a" / "zero.png").symlink_to("/dev/zero")
    with refused("'a/zero.png'"):
        check_watched(there)
    (there / "a" / "zero.png").unlink()
    monkeypatch.chdir(there / "a")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("s.png")
        with refused("'a/s.png'"):
            check_watched(there)


def test_what_is_hidden_is_not_looked_at(there, tmp_path):
    (there / ".trash").mkdir()
    (there / ".trash" / "x").symlink_to("nowhere")
    (there / ".git").symlink_to(tmp_path)
    check_watched(there)
    check_watched(there / "nowhere")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read(there, refused):
    (there / "a").chmod(0)
    try:
        with refused("raw/a cannot be read: Permission denied"):
            check_watched(there)
    finally:
        (there / "a").chmod(0o755)

import io
import os
import stat
import struct
import subprocess
import tarfile
import zipfile
import zlib

import pytest

from pipeline.ingest.sources import archives
from pipeline.ingest.sources.archives import open_tree
from pipeline.ingest.sources.picture import Picture

FILES = {
    "b/2.png": b"two",
    "a/10.png": b"ten",
    "a/deep/er/1.png": b"one",
    "a/.hidden/4.png": b"-",
    "Живопись/é\u0301 b'c,\"d.png": b"three",
    "__MACOSX/a/._10.png": b"-",
    ".DS_Store": b"-",
    "top.csv": b"x",
}
NAMES = ["x.zip", "x.tar", "x.tar.gz", "x.tar.bz2", "x.tar.xz"]


def walk(tree):
    """All that a source sees: the visible folders and files of every visible folder."""
    seen, waiting = {}, ["."]
    while waiting:
        folder = waiting.pop()
        seen[folder] = tree.folders(folder), tree.files(folder)
        waiting += [f"{folder}/{name}".removeprefix("./") for name in tree.folders(folder)]
    return seen


def opened(root, name):
    with open_tree(root, name) as tree:
        return walk(tree), {path: content(tree, path) for path in tree.files(".")}


def content(tree, path):
    """Bytes, or why there are none."""
    picture = tree.fill(Picture(b"", path, ()), path)
    return picture.fault.detail if picture.fault else picture.data


@pytest.mark.parametrize("name", NAMES)
def test_an_archive_looks_like_its_folder(pack, write, tmp_path, name):
    pack(name, FILES)
    (tmp_path / name).rename(tmp_path.parent / f"{tmp_path.name}-{name}")
    on_disk = opened(write(FILES), None)
    assert opened(tmp_path.parent, f"{tmp_path.name}-{name}") == on_disk
    assert on_disk[0]["."][0] == ["a", "b", "Живопись"]
    assert on_disk[0]["a"] == (["deep"], ["a/10.png", "a/deep/er/1.png"])
    assert on_disk[1]["b/2.png"] == b"two"


@pytest.mark.parametrize("name", NAMES)
def test_questions_about_one_path(pack, name):
    root = pack(name, FILES)
    with open_tree(root, name) as tree:
        assert [tree.is_file(p) for p in ("top.csv", "a", "nowhere")] == [True, False, False]
        assert [tree.is_folder(p) for p in ("a/", "./a/deep", "top.csv")] == [True, True, False]
        assert tree.where("a") == str(root / name / "a")
        with tree.open("a/10.png") as file:
            assert (file.seekable(), file.seek(1), file.read()) == (True, 1, b"en")


def test_archives_made_by_tar(write):
    """GNU tar begins names with "./" and has entries for the folders."""
    root = write({"in/a/1.png": b"one", "in/b/2.png": b"two"})
    (root / "in" / "empty").mkdir()
    subprocess.run(["tar", "-czf", root / "x.tgz", "-C", root / "in", "."], check=True)
    seen, contents = opened(root, "x.tgz")
    assert seen["."][0] == ["a", "b", "empty"]
    assert contents == {"a/1.png": b"one", "b/2.png": b"two"}


@pytest.mark.parametrize("name", ["x.tar", "x.zip"])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_entries_with_one_name(tmp_path, refused, name):
    for i, data in enumerate((b"old", b"newer")):
        if name == "x.zip":
            with zipfile.ZipFile(tmp_path / name, "a") as archive:
                archive.writestr("a/1.png", data)
        else:
            with tarfile.open(tmp_path / name, "a" if i else "w") as archive:
                info = tarfile.TarInfo("./a/1.png" if i else "a/1.png")
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    with refused(f"{name} holds 'a/1.png' twice", "pack it again"):
        opened(tmp_path, name)


def test_names_of_other_systems(tmp_path):
    r"""UTF-8 without the flag that says so, as macOS writes it, and "\" for "/"."""
    name = "Du\u0308rer/é.png"
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("?" * len(name.encode()), b"1")
        archive.writestr(r"b\2.png", b"2")
    data = (tmp_path / "x.zip").read_bytes()
    (tmp_path / "x.zip").write_bytes(data.replace(b"?" * len(name.encode()), name.encode()))
    assert opened(tmp_path, "x.zip")[1] == {name: b"1", "b/2.png": b"2"}


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize("name", ["../x.png", "a/../../x.png", "/etc/passwd", "a/../x.png", ".."])
@pytest.mark.parametrize("archive", ["x.zip", "x.tar.gz"])
def test_entries_that_leave_the_archive(pack, refused, archive, name):
    root = pack(archive, {"a/1.png": b"1", name: b"2"})
    with refused(str(root / archive), repr(name), "leaves the archive"):
        opened(root, archive)


def test_the_drive_of_another_system(pack, refused):
    with refused("'C:/x.png'", "leaves the archive"):
        opened(pack("x.zip", {r"C:\x.png": b"1"}), "x.zip")


def test_a_file_without_a_name(pack, refused):
    with refused("'./'", "leaves the archive"):
        opened(pack("x.tar", {"./": b""}), "x.tar")


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
)
def test_links_and_devices_of_a_tar(tmp_path, refused, kind):
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        info = tarfile.TarInfo("a/1.png")
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    with refused("'a/1.png'", "a link or a device", "--dereference"):
        opened(tmp_path, "x.tar")


def test_sparse_files(tmp_path, refused):
    """A file that says it is long and holds nothing."""
    with (tmp_path / "hole").open("wb") as file:
        file.truncate(10**7)
    subprocess.run(["tar", "-cSf", "x.tar", "hole"], cwd=tmp_path, check=True)
    assert (tmp_path / "x.tar").stat().st_size < 10**5
    with refused("'hole'", "a sparse file"):
        opened(tmp_path, "x.tar")


@pytest.mark.parametrize("mode", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_links_and_devices_of_a_zip(tmp_path, refused, mode):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        info = zipfile.ZipInfo("a/1.png")
        info.external_attr = (mode | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    with refused("'a/1.png'", "a link or a device"):
        opened(tmp_path, "x.zip")


def test_encrypted_and_uncommon_zips(tmp_path, pack, refused):
    root = pack("x.zip", {"1.png": b"1"})
    data = bytearray((root / "x.zip").read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    (root / "x.zip").write_bytes(data)
    with refused("'1.png'", "encrypted"):
        opened(root, "x.zip")
    with zipfile.ZipFile(root / "x.zip", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("1.png", b"1")
    with refused("'1.png'", "uncommon"):
        opened(root, "x.zip")


@pytest.mark.parametrize("name", NAMES)
def test_limits(pack, refused, monkeypatch, name):
    root = pack(name, {f"{i}.png": os.urandom(1000) for i in range(20)})
    assert len(opened(root, name)[1]) == 20
    with monkeypatch.context() as patch:
        patch.setattr(archives, "MAX_ENTRIES", 19)
        with refused(str(root / name), "more than 19 entries"):
            opened(root, name)
    with monkeypatch.context() as patch:
        patch.setattr(archives, "MAX_ENTRY", 999)
        with refused(str(root / name), "of 1000 bytes, more than 999", "bomb"):
            opened(root, name)
    monkeypatch.setattr(archives, "MAX_TOTAL", 19_999)
    with refused(str(root / name), "unpacks to more than 19999 bytes", "bomb"):
        opened(root, name)


@pytest.mark.parametrize("path", ["a/" * 30000 + "x.png", "a/" * 65 + "x.png", "a" * 4097])
@pytest.mark.parametrize("name", ["x.zip", "x.tar"])
def test_paths_that_are_too_long(pack, refused, name, path):
    with refused(name, repr(path[:100]), "4096 letters or 64 folders", "shorter"):
        opened(pack(name, {path: b"x"}), name)


def test_paths_at_the_limits(pack):
    paths = {"a/" * 64 + "x.png": b"x", "b" * 4096: b"y"}
    assert opened(pack("x.zip", paths), "x.zip")[1] == paths


def test_long_paths_of_many_folders(pack, refused, monkeypatch):
    paths = {f"{number}/{'a/' * 9}x.png": b"x" for number in range(4)}
    letters = sum(len(f"{number}{'/a' * depth}") for number in range(4) for depth in range(10))
    monkeypatch.setattr(archives, "MAX_LETTERS_OF_FOLDERS", letters)
    assert opened(pack("x.zip", paths), "x.zip")[1] == paths
    monkeypatch.setattr(archives, "MAX_LETTERS_OF_FOLDERS", letters - 1)
    with refused("x.zip", f"more than {letters - 1} letters"):
        opened(pack("x.zip", paths), "x.zip")


@pytest.mark.parametrize("name", ["x.zip", "x.tar.gz", "x.tar.bz2", "x.tar.xz"])
def test_a_bomb(pack, refused, monkeypatch, name):
    root = pack(name, {f"{i}.png": bytes(100_000) for i in range(10)})
    assert (root / name).stat().st_size < 10_000
    assert len(opened(root, name)[1]) == 10  # modest, whatever the ratio
    monkeypatch.setattr(archives, "MODEST", 500_000)
    monkeypatch.setattr(archives, "MAX_RATIO", 50)
    with refused(str(root / name), "more than 50 times", "bomb"):
        opened(root, name)


def test_a_zip_that_says_too_little(pack):
    """What is more than its entry says is not unpacked: the picture is rejected."""
    root = pack("x.zip", {"1.png": bytes(10**6), "2.png": b"2"})
    data = (root / "x.zip").read_bytes()
    (root / "x.zip").write_bytes(data.replace(struct.pack("<L", 10**6), struct.pack("<L", 10)))
    found = opened(root, "x.zip")[1]
    assert found["1.png"].startswith("cannot be read: Bad CRC")
    assert found["2.png"] == b"2"


# ---------------------------------------------------------------- what is damaged


def test_missing_archives_and_other_files(write, refused):
    root = write({"x.rar": b"Rar!\x1a\x07\x00", "empty.tar": b"", "folder.tar/x": b""})
    with refused(str(root / "x.zip"), "is missing"):
        opened(root, "x.zip")
    with refused(str(root / "folder.tar"), "is missing"):
        opened(root, "folder.tar")
    for name in ("x.rar", "empty.tar"):
        with refused(str(root / name), "cannot be read as an archive", "tar.gz"):
            opened(root, name)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("share", [0.01, 0.4, 0.8])
def test_archives_cut_short(pack, refused, name, share):
    root = pack(name, {f"{i}.png": os.urandom(2000) for i in range(20)})
    data = (root / name).read_bytes()
    (root / name).write_bytes(data[: int(share * len(data))])
    with refused(str(root / name), "cannot be read as an archive"):
        opened(root, name)


def test_a_damaged_header_is_not_the_end(pack, refused):
    root = pack("x.tar", {f"{i}.png": b"1" for i in range(9)})
    data = bytearray((root / "x.tar").read_bytes())
    data[4 * 1024 + 50] ^= 1
    (root / "x.tar").write_bytes(data)
    with refused("cannot be read as an archive", "header is damaged"):
        opened(root, "x.tar")


def test_a_damaged_picture_is_rejected_alone(pack):
    noise = {f"{i}.png": os.urandom(5000) for i in range(3)}
    root = pack("x.zip", noise)
    data = bytearray((root / "x.zip").read_bytes())
    data[data.index(zlib.compress(noise["1.png"])[10:60]) + 20] ^= 255
    (root / "x.zip").write_bytes(data)
    found = opened(root, "x.zip")[1]
    assert found.pop("1.png").startswith("cannot be read: ")
    assert found == {"0.png": noise["0.png"], "2.png": noise["2.png"]}


@pytest.mark.parametrize(("place", "value"), [(6, 0x20), (6, 0x40), (7, 0x08)])
def test_a_zip_entry_whose_own_header_is_damaged(pack, place, value):
    """Its flags, where it is repeated before the data."""
    root = pack("x.zip", {"é1.png": b"1", "2.png": b"2"})
    data = bytearray((root / "x.zip").read_bytes())
    data[place] |= value
    data[30] = 0xFF  # the name's first byte
    (root / "x.zip").write_bytes(data)
    found = opened(root, "x.zip")[1]
    assert found.pop("é1.png").startswith("cannot be read: ")
    assert found == {"2.png": b"2"}


def test_a_zip_whose_directory_holds_no_utf_8(pack, refused):
    root = pack("x.zip", {"é.png": b"1"})
    data = (root / "x.zip").read_bytes()
    (root / "x.zip").write_bytes(data.replace("é".encode(), b"\xc3\xc3"))
    with refused("x.zip cannot be read as an archive", "utf-8"):
        opened(root, "x.zip")


@pytest.mark.parametrize("name", ["x.zip", "x.tar", None])
def test_files_of_too_many_bytes(pack, write, monkeypatch, name):
    monkeypatch.setattr("pipeline.ingest.sources.tree.MAX_FILE", 10)
    files = {"1.png": bytes(10), "2.png": bytes(11)}
    found = opened(pack(name, files) if name else write(files), name)[1]
    assert found == {"1.png": bytes(10), "2.png": "11 bytes, more than 10"}


def test_what_is_no_plain_file(write):
    """Not waited for, nor read for ever."""
    root = write({"1.png": b"1"})
    os.mkfifo(root / "pipe.png")
    (root / "zero.png").symlink_to("/dev/zero")
    (root / "gone.png").symlink_to("nowhere")
    assert opened(root, None)[1] == {
        "1.png": b"1",
        "gone.png": "cannot be read: No such file or directory",
        "pipe.png": "cannot be read: it is no plain file",
        "zero.png": "cannot be read: it is no plain file",
    }

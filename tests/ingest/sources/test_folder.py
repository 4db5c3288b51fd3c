import os
import sys
from pathlib import Path

import pytest

from pipeline.ingest.sources.folder import folder_pictures
from pipeline.ingest.sources.params import FolderSource
from pipeline.ingest.sources.picture import Picture


@pytest.fixture
def root(tmp_path):
    """`root("a/1.png", …)`: a folder of files whose bytes are their paths."""

    def make(*paths):
        for name in paths:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(name.encode())
        return tmp_path

    return make


def found_in(top, **params):
    return list(folder_pictures(FolderSource(kind="folder", **params), top))


def read(top, **params):
    return [found for found in found_in(top, **params) if isinstance(found, Picture)]


def test_one_folder_per_class(root):
    found = read(root("Cubism/2.png", "Cubism/1.jpg", "Art Nouveau/x.webp"))
    assert [p.path for p in found] == ["Art Nouveau/x.webp", "Cubism/1.jpg", "Cubism/2.png"]
    assert [p.labels for p in found] == [("Art Nouveau",), ("Cubism",), ("Cubism",)]
    assert [p.data.decode() for p in found] == [p.path for p in found]
    assert {(p.artist, p.split) for p in found} == {(None, None)}


def test_nested_folders(root):
    found = read(root("a/1.png", "a/sub/train/2.png", "b/deep/er/3.png"))
    assert [(p.path, p.labels) for p in found] == [
        ("a/1.png", ("a",)),
        ("a/sub/train/2.png", ("a",)),
        ("b/deep/er/3.png", ("b",)),
    ]


def test_what_is_no_picture_of_the_set(root):
    there = root(
        "README.md", ".hidden/1.png", "a/.DS_Store", "a/.trash/2.png", "a/3.png", "b/4.png"
    )
    (there / "a" / "broken link.png").symlink_to("nowhere")
    found = {p.path: p.fault for p in read(there)}
    assert list(found) == ["a/3.png", "a/broken link.png", "b/4.png"]
    assert found["a/broken link.png"].detail == "cannot be read: No such file or directory"


LEFT_BEHIND = [
    "@eaDir/1.png/SYNOPHOTO_THUMB_M.png",
    "lost+found/1.png",
    "$RECYCLE.BIN/S-1/1.png",
    "System Volume Information/x",
    ".Trash-1000/1.png",
    ".ipynb_checkpoints/1.png",
    "__MACOSX/a/._1.png",
    "#recycle/1.png",
    "a/@eaDir/1.png/SYNOPHOTO_THUMB_M.png",
    "a/deep/@EADIR/1.png/SYNOPHOTO_THUMB_XL.png",
    "a/Thumbs.db",
    "a/desktop.ini",
    "a/.DS_Store",
    "b/SYNOINDEX_MEDIA_INFO",
]
IGNORED = (
    "14 files and folders that are no pictures ignored (1 #recycle, 1 $RECYCLE.BIN, 1 @EADIR, "
    "2 @eaDir, 1 SYNOINDEX_MEDIA_INFO, 1 System Volume Information, 1 Thumbs.db, 1 __MACOSX, "
    "1 desktop.ini, 3 hidden, 1 lost+found)"
)


def test_what_systems_leave_behind(root):
    *pictures, note = found_in(root(*LEFT_BEHIND, "a/1.png", "b/2.png"))
    assert [p.path for p in pictures] == ["a/1.png", "b/2.png"]
    assert note == IGNORED


def test_empty_folders_that_systems_make(root):
    there = root("a/1.png", "b/2.png")
    for name in ("lost+found", "$RECYCLE.BIN", "System Volume Information"):
        (there / name).mkdir()
    assert [p.path for p in read(there)] == ["a/1.png", "b/2.png"]


@pytest.mark.parametrize("archive", ["x.zip", "x.tar"])
def test_what_systems_leave_behind_in_archives(pack, archive):
    files = {f"in/{name}": b"x" for name in [*LEFT_BEHIND, "a/1.png", "b/2.png"]}
    *pictures, note = found_in(pack(archive, files), archive=archive, root="in")
    assert [p.path for p in pictures] == ["in/a/1.png", "in/b/2.png"]
    assert note == IGNORED


def test_source_root(root):
    found = read(root("images/a/1.png", "images/b/2.png", "other/3.png"), root="images")
    assert [(p.path, p.labels) for p in found] == [
        ("images/a/1.png", ("a",)),
        ("images/b/2.png", ("b",)),
    ]


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [
        ("train", "val", "test"),
        ("Training", "VALIDATION", "Testing"),
        ("TRAIN", "dev", "TEST"),
        ("training_set", "validation_set", "test_set"),
        ("seg_train", "seg_val", "seg_test"),
        ("train-images", "valid-images", "eval-images"),
        ("train2017", "val2017", "test2017"),
        ("trainImages", "ValSet", "HoldoutSet"),
        ("my trn", "my valid", "my tst"),
    ],
)
def test_folders_of_the_parts(root, train, validation, test):
    parts = {train: "train", validation: "validation", test: "test"}
    found = found_in(root(*(f"{part}/{name}/1.png" for part in parts for name in "ab")))
    pictures = [p for p in found if isinstance(p, Picture)]
    assert {p.path: (p.labels, p.split) for p in pictures} == {
        f"{part}/{name}/1.png": ((name,), split) for part, split in parts.items() for name in "ab"
    }
    notes = [note for note in found if isinstance(note, str)]
    assert len(notes) == (validation != "val")
    assert all(f"{name} is {part}" in note for note in notes for name, part in parts.items())


@pytest.mark.parametrize("names", ["test nature", "train_station bus_station bridge", "dev a b c"])
def test_a_class_may_be_called_as_a_part(root, names):
    found = read(root(*(f"{name}/1.png" for name in names.split())))
    assert {(p.labels, p.split) for p in found} == {((name,), None) for name in names.split()}


def test_one_of_many_classes_may_be_called_training(root):
    names = ["Training", *(f"sport {i}" for i in range(20))]
    assert {p.labels for p in read(root(*(f"{name}/1.png" for name in names)))} == {
        (name,) for name in names
    }


@pytest.mark.parametrize("prefix", ["seg_", "asl_alphabet_"])
def test_parts_that_hold_a_folder_of_their_name(root, prefix):
    there = root(*(f"{prefix}{p}/{prefix}{p}/{c}/1.png" for p in ("train", "test") for c in "ab"))
    assert {(p.labels, p.split) for p in read(there)} == {
        ((name,), part) for name in "ab" for part in ("train", "test")
    }


@pytest.mark.parametrize(
    ("paths", "parts"),
    [
        (["train/a/1", "test/a/1", "pred/1"], ["'test'", "'pred'", "{test: test, train: train}"]),
        (["train/1", "test/1"], ["without folders of classes", "kind: table", "splits: none"]),
        (["trainA/1", "trainB/1"], ["'trainA', 'trainB'", "without folders", "splits: none"]),
        (["trainA/a/1", "trainB/a/1"], ["both for train", "{trainA: train, trainB: train}"]),
        (["train/a/1", "test/1"], ["test holds no folders", "`source.splits: {train: train}`"]),
        (["p/a/1", "p/b/1", "q/a/1", "q/b/1"], ["the same folders", "{p: train, q: test}", "none"]),
        (["treino/a/1", "treino/b/1", "teste/a/1", "teste/b/1"], ["{teste: test, treino: train}"]),
        (
            ["f1/a/1", "f1/b/1", "f2/a/1", "f2/b/1", "f3/a/1", "f3/b/1"],
            ["{f1: train, f2: train, f3: test}"],
        ),
        (["a/train/1", "a/test/1", "b/train/1"], ["'a', which holds 'test'", "below those of"]),
        (["train/a/1", "b/1"], ["'train'", "beside 'b'", "{train: train}", "splits: none"]),
        (["fold: train/a/1", "x/1"], ["{'fold: train': train}"]),
    ],
)
def test_what_may_be_parts_or_classes(root, refused, paths, parts):
    with refused(*parts):
        read(root(*paths))
    top = root()
    labels = {p.labels for p in read(top, splits="none")}
    assert labels == {(path.split("/")[0],) for path in paths}


def test_parts_that_are_said(root, refused):
    there = root("x/a/1.png", "x/b/1.png", "y/a/1.png", "z/a/1.png", "train/1.png")
    found = read(there, splits={"x": "train", "y": "test"})
    assert [(p.path, p.split) for p in found] == [
        ("x/a/1.png", "train"),
        ("x/b/1.png", "train"),
        ("y/a/1.png", "test"),
    ]
    both = read(there, splits={"x": "train", "z": "train", "y": "validation"})
    assert [p.split for p in both] == ["train", "train", "validation", "train"]
    with refused("no folder 'w'", "source.splits", "it has: train, x, y, z"):
        read(there, splits={"x": "train", "w": "test"})


def test_splits_beside_a_class(root, refused):
    there = root("train/a/1.png", "train/b/2.png", "test/a/3.png", "__MACOSX/test/x.png")
    assert [(p.labels, p.split) for p in read(there)] == [
        (("a",), "test"),
        (("a",), "train"),
        (("b",), "train"),
    ]
    with refused("'test'", "beside 'c'", "{test: test, train: train}"):
        read(root("c/4.png"))


def test_names_of_any_script(root):
    found = read(root("Живопись/картина.png", "印象派/睡蓮.png", "Ölbild/a b'c,\"d.png"))
    assert {p.labels for p in found} == {("Живопись",), ("印象派",), ("Ölbild",)}
    assert {p.path for p in found} == {
        "Живопись/картина.png",
        "印象派/睡蓮.png",
        "Ölbild/a b'c,\"d.png",
    }


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_names_that_are_no_utf_8(root):
    there = root("a/1.png", "b/1.png")
    (there / "a" / "1.png").rename(os.fsdecode(os.fsencode(there / "a") + b"/caf\xe9.png"))
    found = read(there)
    assert [p.path for p in found] == ["a/caf\\xe9.png", "b/1.png"]
    assert found[0].data == b"a/1.png"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
@pytest.mark.parametrize("below", ["", "train/"])
def test_folders_whose_names_are_no_utf_8(root, refused, below):
    there = root(f"{below}a/1.png", f"{below}b/1.png")
    for letter in (b"\xe8", b"\xe9"):
        Path(os.fsdecode(os.fsencode(there / below) + b"/caf" + letter)).mkdir()
    with refused("no UTF-8", "caf\\xe8", "rename"):
        read(there)


def test_class_names_in_one_unicode_form(root):
    """A macOS archive spells é as e and a combining accent."""
    found = read(root("train/Cloisonnisme e\u0301/1.png", "test/Cloisonnisme \u00e9/2.png"))
    assert {p.labels for p in found} == {("Cloisonnisme \u00e9",)}


def test_artist_by_pattern(root):
    there = root("a/claude-monet_x_1.png", "a/unknown.png", "b/Frida Kahlo_2.png")
    found = read(there, artist=r"^(.+?)_")
    assert {p.path: p.artist for p in found} == {
        "a/claude-monet_x_1.png": "claude-monet",
        "a/unknown.png": None,
        "b/Frida Kahlo_2.png": "Frida Kahlo",
    }


def test_a_pattern_that_matches_no_file_name(root, refused):
    there = root("a/1.png", "b/2.png")
    with refused("source.artist '^([^_]+)_'", "matches no file name, such as '1.png'"):
        read(there, artist="^([^_]+)_")


def test_labels_from_a_table(root):
    there = root("images/Claude_Monet/1.png", "images/Frida_Kahlo/2.png")
    (there / "artists.csv").write_text(
        'name,genre\nClaude Monet,Impressionism\nFrida Kahlo,"Surrealism,Naïve Art"\n'
    )
    table = {"table": "artists.csv", "key": "name", "column": "genre"}
    found = read(there, root="images", labels=table)
    assert [(p.labels, p.artist) for p in found] == [
        (("Impressionism",), "Claude Monet"),
        (("Surrealism", "Naïve Art"), "Frida Kahlo"),
    ]
    by_pattern = read(there, root="images", labels=table, artist=r"^(\d)")
    assert [p.artist for p in by_pattern] == ["1", "2"]


def test_the_table_may_lie_beside_the_folders(root):
    there = root("x/1.png")
    (there / "t.csv").write_text("name,genre\nx,Cubism\n")
    found = read(there, labels={"table": "t.csv", "key": "name", "column": "genre"})
    assert [(p.path, p.labels) for p in found] == [("x/1.png", ("Cubism",))]


def test_missing_and_empty_folders(root, refused):
    there = root("a.png", ".hidden/b.png")
    with refused(str(there), "holds no folders", "folder of its own"):
        read(there)
    with refused(str(there / "nowhere"), "is not a folder", "source.root"):
        read(there, root="nowhere")
    with refused(str(there / "a.png"), "is not a folder"):
        read(there, root="a.png")


def test_classes_one_folder_deeper_than_said(root, refused):
    there = root("paintings/a/1.png", "paintings/b/2.png")
    with refused("source.root: paintings"):
        read(there)
    assert len(read(there, root="paintings")) == 2


def test_class_folders_without_pictures(root, refused):
    there = root("a/1.png")
    (there / "b").mkdir()
    with refused("no pictures of 'b'"):
        read(there)

import os
import sys

import pytest

from pipeline.ingest.sources.folder import folder_pictures
from pipeline.ingest.sources.params import FolderSource


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


def read(top, **params):
    return list(folder_pictures(FolderSource(kind="folder", **params), top))


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
    found = {p.path: p.data for p in read(there)}
    assert list(found) == ["a/3.png", "a/broken link.png", "b/4.png"]
    assert found["a/broken link.png"] == b""  # for the list of the rejected


def test_source_root(root):
    found = read(root("images/a/1.png", "images/b/2.png", "other/3.png"), root="images")
    assert [(p.path, p.labels) for p in found] == [
        ("images/a/1.png", ("a",)),
        ("images/b/2.png", ("b",)),
    ]


@pytest.mark.parametrize(
    ("part", "split"),
    [
        ("train", "train"),
        ("Training", "train"),
        ("val", "validation"),
        ("valid", "validation"),
        ("VALIDATION", "validation"),
        ("test", "test"),
    ],
)
def test_folders_of_the_splits(root, part, split):
    found = read(root(f"{part}/a/1.png", "test/b/2.png", "train/b/3.png"))
    assert {p.path: (p.labels, p.split) for p in found} == {
        f"{part}/a/1.png": (("a",), split),
        "test/b/2.png": (("b",), "test"),
        "train/b/3.png": (("b",), "train"),
    }


def test_a_class_may_be_called_test(root):
    found = read(root("test/1.png", "nature/2.png"))
    assert [(p.labels, p.split) for p in found] == [(("nature",), None), (("test",), None)]


def test_splits_beside_a_class(root, refused):
    there = root("train/a/1.png", "train/b/2.png", "test/a/3.png", "__MACOSX/test/x.png")
    assert [(p.labels, p.split) for p in read(there)] == [
        (("a",), "test"),
        (("a",), "train"),
        (("b",), "train"),
    ]
    with refused("'test'", "beside 'c'", "all classes below"):
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
    assert [p.path for p in found] == ["a/caf\ufffd.png", "b/1.png"]
    assert found[0].data == b"a/1.png"


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
    for part in ("train", "test"):
        (there / "parts" / part).mkdir(parents=True)
    assert read(there, root="parts") == []

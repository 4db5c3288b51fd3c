import json

import pytest

from pipeline.ingest.sources.params import WebDatasetSource
from pipeline.ingest.sources.webdataset import webdataset_pictures


def read(root, shards, **params):
    source = WebDatasetSource(kind="webdataset", shards=shards, **params)
    return list(webdataset_pictures(source, root))


@pytest.mark.parametrize("shard", ["x.tar", "x.tar.gz"])
def test_files_that_share_a_stem(pack, shard):
    facts = {"style": ["A", "B"], "artist": "Frida", "width": 5}
    root = pack(
        shard,
        {
            "0002.jpg": b"two",
            "0002.txt": "Naïve Art\n".encode(),
            "0002.cls": b"7",
            "0002.json": json.dumps(facts).encode(),
            "deep/0001.seg.png": b"-",
            "deep/0001.PNG": b"one",
            "deep/0001.txt": b"Cubism",
            "deep/0001.cls": b"3",
            "deep/0001.json": json.dumps({**facts, "style": "C", "artist": None}).encode(),
        },
    )
    for field, labels in {
        "cls": [("7",), ("3",)],
        "txt": [("Naïve Art",), ("Cubism",)],
        "json.style": [("A", "B"), ("C",)],
    }.items():
        found = read(root, "x.*", labels=field)
        assert [p.labels for p in found] == labels
        assert {(p.artist, p.split) for p in found} == {(None, None)}
    found = read(root, "*", labels=["json.style", "cls"], artist="json.artist")
    assert [p.path for p in found] == [f"{shard}/0002.jpg", f"{shard}/deep/0001.png"]
    assert [p.data for p in found] == [b"two", b"one"]
    assert [p.labels for p in found] == [("A", "B", "7"), ("C", "3")]
    assert [p.artist for p in found] == ["Frida", None]


def test_shards_of_the_splits(pack):
    for shard in ("train-1.tar", "train-0.tar", "val-0.tar", "test-0.tar"):
        root = pack(shard, {"1.jpg": shard.encode(), "1.cls": b"0"})
    splits = {"train": "train-*.tar", "test": "test-*.tar", "validation": "val*"}
    found = read(root, splits, labels="cls")
    assert [(p.path, p.split) for p in found] == [
        ("test-0.tar/1.jpg", "test"),
        ("train-0.tar/1.jpg", "train"),
        ("train-1.tar/1.jpg", "train"),
        ("val-0.tar/1.jpg", "validation"),
    ]


def test_shards_of_parts_under_one_pattern(pack, refused):
    for shard in ("train-0.tar", "test-0.tar"):
        root = pack(shard, {"1.jpg": shard.encode(), "1.cls": b"0"})
    with refused("'test-0.tar' and 'train-0.tar'", "{train: 'train-*.tar', test: 'test-*.tar'}"):
        read(root, "*.tar", labels="cls")
    assert [p.split for p in read(root, {"train": "*.tar"}, labels="cls")] == ["train", "train"]
    assert [p.split for p in read(root, "train-*.tar", labels="cls")] == [None]


@pytest.mark.parametrize(
    ("files", "labels", "parts"),
    [
        ({"1.jpg": b""}, "cls", ["x.tar/1 has no column 'cls'", "it has: jpg"]),
        ({"1.jpg": b"", "1.json": b'{"a": 1, "b": 2}'}, "json.c", ["json.a, json.b, jpg"]),
        ({"1.jpg": b"", "1.json": b'{"a": 1}'}, "json", ["no column 'json'", "json.a, jpg"]),
        ({"1.jpg": b"", "1.cls": b"\n"}, "cls", ["x.tar/1 has no label in cls"]),
        ({"1.jpg": b"", "1.json": b"[1]"}, "json.c", ["x.tar/1.json is no JSON object"]),
        ({"1.jpg": b"", "1.json": b"{"}, "json.c", ["x.tar/1.json is no JSON object"]),
        ({"1.jpg": b"", "1.json": b'{"a": "\\ud800"}'}, "json.a", [r"\ud800 is half of a letter"]),
        ({"1.jpg": b"", "1.json": b'{"a":' * 9999}, "json.a", ["lie in each other"]),
        ({"1.jpg": b"", "1.json": b'{"c": 1, "c": 2}'}, "json.c", ["x.tar/1.json", "twice"]),
        ({"1.jpg": b"", "1.JPG": b"", "1.cls": b"1"}, "cls", ["'1.JPG'", "'1.jpg'", "same part"]),
        ({"1.jpg": b"", "1.txt": b"\xff"}, "txt", ["x.tar/1.txt is no text in UTF-8"]),
        ({"1.cls": b"1"}, "cls", ["x.tar/1 has 0 pictures (cls)"]),
        ({"1.jpg": b"", "1.png": b"", "1.cls": b"1"}, "cls", ["x.tar/1 has 2 pictures"]),
        ({"../1.jpg": b"", "../1.cls": b"1"}, "cls", ["x.tar holds '../1.jpg'", "leaves"]),
    ],
)
def test_mistakes(pack, refused, files, labels, parts):
    with refused(*parts):
        read(pack("x.tar", files), "x.tar", labels=labels)


def test_bad_samples_that_are_left_out(pack, refused):
    bad = {"x1.cls": b"1", "x2.jpg": b"", "x3.jpg": b"", "x3.cls": b" "}
    good = {f"{i:02}.{part}": b"1" for i in range(27) for part in ("jpg", "cls")}
    root = pack("x.tar", {**good, **bad})
    found = read(root, "x.tar", labels="cls", on_error="reject")
    faults = [(p.path, p.fault.detail) for p in found if p.fault]
    assert [path for path, _ in faults] == ["x.tar/x1", "x.tar/x2", "x.tar/x3.jpg"]
    for said, (_, detail) in zip(("0 pictures", "'cls'", "no label"), faults, strict=True):
        assert said in detail
    with refused("x.tar/x1 has 0 pictures", "source.on_error: reject"):
        read(root, "x.tar", labels="cls")
    with refused("3 of 4 rows"):
        read(
            pack("y.tar", {**bad, "0.jpg": b"", "0.cls": b"1"}),
            "y.tar",
            labels="cls",
            on_error="reject",
        )


def test_a_pattern_without_shards(pack, refused):
    root = pack("x.tar", {})
    with refused(str(root), "no shards 'y*.tar'", "source.shards"):
        read(root, {"train": "x*.tar", "test": "y*.tar"}, labels="cls")


@pytest.mark.parametrize(
    ("shards", "parts"),
    [
        ("**x.tar", ["'**x.tar' is no pattern of names"]),
        ({"test": "x*.tar", "train": "*.tar"}, ["'x.tar' fits two patterns", "'*.tar'"]),
    ],
)
def test_patterns_that_cannot_be_meant(pack, refused, shards, parts):
    root = pack("x.tar", {"1.jpg": b"", "1.cls": b"1"})
    with refused("source.shards", *parts):
        read(root, shards, labels="cls")

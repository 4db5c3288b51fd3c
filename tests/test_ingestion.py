import csv
import hashlib

import pytest
from PIL import Image

from pipeline.ingestion import Screening
from pipeline.params import Ingest
from pipeline.sources.picture import Picture
from pipeline.stages.ingest import ingest
from pipeline.tables import Shards


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


@pytest.fixture
def ingested(tmp_path):
    """Run the stage's function on a folder -> (rows by path, rejected rows, summary)."""

    def run(root, *, source=(), megapixels=100, **split):
        split = {"by": "picture", "validation": 0.2, "test": 0.2, "seed": 0} | split
        params = Ingest(
            input=str(root),
            source={"kind": "folder", **dict(source)},
            max_megapixels=megapixels,
            split=split,
        )
        rejected = tmp_path / "out" / "rejected.csv"
        summary = ingest(params, tmp_path / "out" / "images", rejected)
        assert {path.name for path in (tmp_path / "out").iterdir()} == {"images", "rejected.csv"}
        shards = Shards(tmp_path / "out" / "images")
        rows = {row["image"]["path"]: row for row in shards.read(shards.schema.names).to_pylist()}
        return rows, rejections(tmp_path), summary

    return run


def rejections(tmp_path):
    with (tmp_path / "out" / "rejected.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def classes(*names, each=10):
    """So many pictures of each class, all different."""
    return {
        f"{name}/{i:02}.png": 1000 * number + i
        for number, name in enumerate(names)
        for i in range(each)
    }


def paths(rejected, reason):
    return {row["path"] for row in rejected if row["reason"] == reason}


def test_rows(root, ingested, picture, tmp_path):
    there = root(classes("Cubism", "Живопись"))
    rows, rejected, summary = ingested(there)
    assert rejected == []
    assert set(rows) == set(classes("Cubism", "Живопись"))
    data = picture(1000)
    row = rows["Живопись/00.png"]
    assert row["image"]["bytes"] == data
    assert row["image_id"] == hashlib.sha256(data).hexdigest()[:16]
    assert (row["labels"], row["artist"]) == (["Живопись"], None)
    assert (row["width"], row["height"]) == (24, 16)
    assert Shards(tmp_path / "out" / "images").metadata == {
        "classes": ["Cubism", "Живопись"],
        "split_by": "picture",
        "artists_apart": False,
    }
    assert summary == "ingest: 20 pictures of 2 classes: 12 train, 4 validation, 4 test"


def test_a_second_run_is_identical(root, ingested, tmp_path):
    there = root(classes("a", "b", each=300))

    def contents():
        ingested(there)
        return {p.name: p.read_bytes() for p in (tmp_path / "out" / "images").iterdir()}

    first = contents()
    assert len(first) > 1
    assert contents() == first


def test_the_size_after_orientation(root, ingested, encode):
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encode(Image.new("RGB", (30, 20), "teal"), "JPEG", exif=exif)
    rows, *_ = ingested(root({**classes("a", "b"), "a/turned.jpg": turned}))
    assert (rows["a/turned.jpg"]["width"], rows["a/turned.jpg"]["height"]) == (20, 30)
    assert rows["a/turned.jpg"]["image"]["bytes"] == turned


def test_unreadable_files(root, ingested, picture):
    bad = {
        "a/empty.png": b"",
        "a/notes, of a.txt": b"text",
        "b/truncated é.png": picture(1, size=(100, 100))[:-200],
    }
    rows, rejected, summary = ingested(root({**classes("a", "b"), **bad}))
    assert set(rows) == set(classes("a", "b"))
    assert {(row["path"], row["reason"]) for row in rejected} == {
        (path, "unreadable") for path in bad
    }
    details = {row["path"]: row["detail"] for row in rejected}
    assert details["a/empty.png"] == "empty, or cannot be read"
    assert details["a/notes, of a.txt"] == "not an image"
    assert "truncated" in details["b/truncated é.png"]
    assert "ingest: 3 rejected (3 unreadable), listed in" in summary


def test_too_many_pixels(root, ingested, picture):
    big = {"a/big.png": picture(1, size=(200, 60))}
    rows, rejected, _ = ingested(root({**classes("a", "b"), **big}), megapixels=0.01)
    assert len(rows) == 20
    assert [(r["path"], r["detail"]) for r in rejected] == [
        ("a/big.png", "200 x 60 pixels, more than allowed")
    ]


def test_duplicates_are_kept_once(root, ingested):
    copies = {"a/z.png": 0, "a/sub/y.png": 0, "b/z.png": 1005}  # of a/00.png and b/05.png
    rows, rejected, _ = ingested(root({**classes("a", "b"), **copies}))
    assert set(rows) == set(classes("a", "b"))
    assert paths(rejected, "duplicate") == set(copies)
    assert {row["detail"] for row in rejected} == {"of a/00.png", "of b/05.png"}


def test_label_conflicts_reject_both_sides(root, ingested):
    copies = {"b/copy.png": 3, "c/copy.png": 3, "c/other.png": 1004}
    rows, rejected, _ = ingested(root({**classes("a", "b", "c"), **copies}))
    assert set(rows) == set(classes("a", "b", "c")) - {"a/03.png", "b/04.png"}
    details = {row["path"]: row["detail"] for row in rejected if row["reason"] == "label conflict"}
    assert details == {
        "a/03.png": "a; as b in b/copy.png",
        "b/copy.png": "b; as a in a/03.png",
        "c/copy.png": "c; as a in a/03.png",
        "b/04.png": "b; as c in c/other.png",
        "c/other.png": "c; as b in b/04.png",
    }


def test_a_duplicate_across_given_splits_stays_in_one(root, ingested):
    files = {f"{part}/{path}": n for part in ("test",) for path, n in classes("a", "b").items()}
    files |= {f"train/{path}": n + 50 for path, n in classes("a", "b", each=20).items()}
    files["train/a/leak.png"] = 0  # is test/a/00.png
    rows, rejected, _ = ingested(root(files))
    assert rows["test/a/00.png"]["split"] == "test"
    assert paths(rejected, "duplicate") == {"train/a/leak.png"}


def test_given_splits_are_kept_and_validation_drawn(root, ingested, tmp_path):
    train = {f"train/{path}": n for path, n in classes("a", "b", each=20).items()}
    test = {f"test/{path}": n + 50 for path, n in classes("a", "b").items()}
    rows, _, summary = ingested(root(train | test))
    assert {path for path, row in rows.items() if row["split"] == "test"} == set(test)
    assert sum(row["split"] == "validation" for row in rows.values()) == 8
    assert "32 train, 8 validation, 20 test" in summary
    assert Shards(tmp_path / "out" / "images").metadata["split_by"] == "given"


def test_three_given_splits(root, ingested):
    files = {
        f"{part}/{name}/{i}.png": 10 * k + i
        for k, (part, name) in enumerate((p, n) for p in ("train", "val", "test") for n in "ab")
        for i in range(4)
    }
    rows, *_ = ingested(root(files))
    given = {"train": "train", "val": "validation", "test": "test"}
    assert all(row["split"] == given[path.split("/")[0]] for path, row in rows.items())


def test_split_by_artist(root, ingested, tmp_path):
    files = {
        f"{'ab'[artist % 2]}/artist {artist:02}_{i}.png": 10 * artist + i
        for artist in range(20)
        for i in range(3)
    }
    rows, _, summary = ingested(root(files), source={"artist": "^(.+)_"}, by="artist")
    sides = {(row["artist"], row["split"]) for row in rows.values()}
    assert len(sides) == len({artist for artist, _ in sides}) == 20
    assert "60 pictures of 2 classes by 20 artists: 36 train, 12 validation, 12 test" in summary
    metadata = Shards(tmp_path / "out" / "images").metadata
    assert (metadata["split_by"], metadata["artists_apart"]) == ("artist", True)


def test_split_by_artist_without_artists(root, ingested, refused):
    there = root({**classes("a", "b"), "a/monet_1.png": 900})
    with refused("ingest.split.by is artist", "21 of 21 pictures", "source.artist"):
        ingested(there, by="artist")
    with refused("20 of 21 pictures"):
        ingested(there, by="artist", source={"artist": "^(.+)_"})


def test_too_few_artists(root, ingested, refused):
    files = {f"{'ab'[i % 2]}/artist{i % 2}_{i}.png": i for i in range(20)}
    with refused(
        "validation split is empty (20 pictures by 2 artists)", "more artists", "ingest.split"
    ):
        ingested(root(files), source={"artist": "^(.+)_"}, by="artist")


def test_a_class_that_vanished(root, ingested, tmp_path, refused):
    there = root({**classes("a", "b"), "c/1.png": b"", "c/2.png": b"text"})
    with refused("no usable picture is left of 'c'", "2 rejected", "rejected.csv"):
        ingested(there)
    assert paths(rejections(tmp_path), "unreadable") == {"c/1.png", "c/2.png"}
    assert not (tmp_path / "out" / "images").exists()


def test_a_class_that_vanished_in_conflicts(root, ingested, refused):
    there = root({**classes("a", "b"), "c/1.png": 0, "c/2.png": 1000})
    with refused("no usable picture is left of 'c' (2 rejected)"):
        ingested(there)


def test_one_class(root, ingested, refused):
    with refused("only one class, 'a'", "needs two"):
        ingested(root(classes("a")))


def test_no_pictures(root, ingested, tmp_path, refused):
    (tmp_path / "raw" / "a").mkdir(parents=True)
    with refused("no pictures of 'a'"):
        ingested(tmp_path / "raw")
    with refused("is not a folder"):
        ingested(tmp_path / "nowhere")
    with refused("no usable picture is left of 'a', 'b'"):
        ingested(root({"a/1.png": b"", "b/1.png": b""}))


def test_too_few_pictures(root, ingested, refused):
    with refused("split is empty (2 pictures)", "give more pictures"):
        ingested(root(classes("a", "b", each=1)))


def test_a_class_only_in_the_given_test(root, ingested, refused):
    files = {f"train/{path}": n for path, n in classes("a", "b", each=20).items()}
    files["test/c/1.png"] = 999
    with refused("the class 'c' has no training picture"):
        ingested(root(files))


def test_classes_that_cannot_be_scored_are_named(root, ingested):
    *_, summary = ingested(root({**classes("a", "b", each=40), "rare/1.png": 999}))
    assert "no test picture of rare: they cannot be scored" in summary


def test_a_failure_leaves_the_images_of_before(root, ingested, tmp_path, refused):
    ingested(root(classes("a", "b")))
    before = {p.name: p.read_bytes() for p in (tmp_path / "out" / "images").iterdir()}
    with refused("no usable picture is left of 'c'"):
        ingested(root({"c/1.png": b""}))
    assert {p.name: p.read_bytes() for p in (tmp_path / "out" / "images").iterdir()} == before
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"images", "rejected.csv"}


def test_several_labels_in_any_order_are_no_conflict(picture):
    screening = Screening(max_pixels=1000)
    offered = [
        Picture(picture(1), "1", ("a", "b")),
        Picture(picture(1), "2", ("b", "a")),
        Picture(picture(2), "3", ("a",)),
        Picture(picture(2), "4", ("a", "b")),
    ]
    accepted = list(screening.screen(offered))
    assert [a.picture.path for a in accepted] == ["1", "3"]
    assert [(r.path, r.reason) for r in screening.rejections] == [
        ("2", "duplicate"),
        ("4", "label conflict"),
        ("3", "label conflict"),
    ]
    assert screening.conflicting == {accepted[1].image_id}
    screening.check()


def test_the_order_is_that_of_the_source(picture):
    offered = [Picture(picture(i, size=(200 - i, 9)), str(i), ("a",)) for i in range(150)]
    accepted = Screening(max_pixels=10_000).screen(offered)
    assert [a.picture.path for a in accepted] == [p.path for p in offered]

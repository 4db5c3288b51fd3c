import csv
import hashlib

import numpy as np
import pytest
from PIL import Image

from pipeline.core.parquet import Shards
from pipeline.ingest.screening import Screening
from pipeline.ingest.sources.folder import folder_pictures
from pipeline.ingest.sources.picture import Picture


def rejections(tmp_path):
    with (tmp_path / "out" / "data/rejected.csv").open(newline="", encoding="utf-8") as file:
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
    assert Shards(tmp_path / "out" / "data/images").metadata == {
        "classes": ["Cubism", "Живопись"],
        "split_by": "picture",
        "artists_apart": False,
    }
    assert summary.splitlines() == [
        "ingest: 20 pictures of 2 classes: 12 train, 4 validation, 4 test",
        "ingest: 2 findings in reports/audit.json",  # the classes are small
    ]


def test_a_second_run_is_identical(root, ingested, tmp_path):
    there = root(classes("a", "b", each=300))

    def contents():
        ingested(there)
        return {p.name: p.read_bytes() for p in (tmp_path / "out" / "data/images").iterdir()}

    first = contents()
    assert len(first) > 1
    assert contents() == first


@pytest.mark.parametrize("given", [False, True])
def test_the_order_of_the_source_does_not_matter(root, ingested, tmp_path, monkeypatch, given):
    """Copies, conflicts and what cannot be decoded included, and with a random selection."""
    files = {**classes("a", "b", "c", each=40), "a/copy.png": 1, "b/copy.png": 1001}
    files |= {"b/other.png": 2, "c/other.png": 2, "c/empty.png": b"", "a/text.png": b"text"}
    if given:
        files = {
            f"{'test' if i % 3 == 0 else 'train'}/{path}": content
            for i, (path, content) in enumerate(files.items())
        }
    there = root(files)
    found = []
    for seed in range(3):

        def shuffled(params, folder, seed=seed):
            pictures = list(folder_pictures(params, folder))
            order = np.random.default_rng(seed).permutation(len(pictures))
            return (pictures[i] for i in order)

        monkeypatch.setattr("pipeline.ingest.sources.folder.folder_pictures", shuffled)
        ingested(there, select={"per_class": 30, "sample": 70})
        out = tmp_path / "out"
        found.append({p.relative_to(out): p.read_bytes() for p in out.rglob("*") if p.is_file()})
    assert found[0] == found[1] == found[2]
    ids = Shards(out / "data/images").read(["image_id"])["image_id"].to_pylist()
    assert ids == sorted(ids)
    assert len(ids) == 70


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
    assert [row["path"] for row in rejected] == sorted(bad)
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
    assert [(row["path"], row["reason"], row["detail"]) for row in rejected] == [
        ("train/a/leak.png", "duplicate", "of test/a/00.png; it is in test, this one in train")
    ]


def test_given_splits_are_kept_and_validation_drawn(root, ingested, tmp_path):
    train = {f"train/{path}": n for path, n in classes("a", "b", each=20).items()}
    test = {f"test/{path}": n + 50 for path, n in classes("a", "b").items()}
    rows, _, summary = ingested(root(train | test))
    assert {path for path, row in rows.items() if row["split"] == "test"} == set(test)
    assert sum(row["split"] == "validation" for row in rows.values()) == 8
    assert "32 train, 8 validation, 20 test" in summary
    assert Shards(tmp_path / "out" / "data/images").metadata["split_by"] == "given"


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
    rows, _, summary = ingested(root(files), source={"artist": "^(.+)_"}, split={"by": "artist"})
    sides = {(row["artist"], row["split"]) for row in rows.values()}
    assert len(sides) == len({artist for artist, _ in sides}) == 20
    assert "60 pictures of 2 classes by 20 artists: 36 train, 12 validation, 12 test" in summary
    metadata = Shards(tmp_path / "out" / "data/images").metadata
    assert (metadata["split_by"], metadata["artists_apart"]) == ("artist", True)


def test_split_by_artist_without_artists(root, ingested, refused):
    there = root({**classes("a", "b"), "a/monet_1.png": 900})
    with refused("ingest.split.by is artist", "21 of 21 pictures", "such as a/"):
        ingested(there, split={"by": "artist"})
    with refused("20 of 21 pictures"):
        ingested(there, split={"by": "artist"}, source={"artist": "^(.+)_"})


def test_too_few_artists(root, ingested, refused):
    files = {f"{'ab'[i % 2]}/artist{i % 2}_{i}.png": i for i in range(20)}
    with refused(
        "validation split is empty (20 pictures by 2 artists)", "more artists", "ingest.split"
    ):
        ingested(root(files), source={"artist": "^(.+)_"}, split={"by": "artist"})


def test_a_class_that_vanished(root, ingested, tmp_path, refused):
    there = root({**classes("a", "b"), "c/1.png": b"", "c/2.png": b"text"})
    with refused("no usable picture is left of 'c'", "2 are rejected", "rejected.csv"):
        ingested(there)
    assert paths(rejections(tmp_path), "unreadable") == {"c/1.png", "c/2.png"}
    assert not (tmp_path / "out" / "data/images").exists()


def test_a_class_that_vanished_in_conflicts(root, ingested, refused):
    there = root({**classes("a", "b"), "c/1.png": 0, "c/2.png": 1000})
    with refused("no usable picture is left of 'c' (4 are rejected)"):
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
    before = {p.name: p.read_bytes() for p in (tmp_path / "out" / "data/images").iterdir()}
    with refused("no usable picture is left of 'c'"):
        ingested(root({"c/1.png": b""}))
    assert {p.name: p.read_bytes() for p in (tmp_path / "out" / "data/images").iterdir()} == before
    left = {p.name for f in (tmp_path / "out").iterdir() for p in f.iterdir()}
    assert left == {"examined.parquet", "images", "rejected.csv", "audit", "audit.json"}


def test_pictures_that_are_too_small(root, ingested, picture):
    files = {"a/small.png": picture(1, size=(40, 15)), "b/narrow.png": picture(2, size=(15, 40))}
    rows, rejected, summary = ingested(
        root({**classes("a", "b"), **files}), select={"shortest_side": 16}
    )
    assert set(rows) == set(classes("a", "b"))  # 24 x 16
    assert [(row["path"], row["reason"], row["detail"]) for row in rejected] == [
        ("a/small.png", "too small", "40 x 15 pixels, shortest_side is 16"),
        ("b/narrow.png", "too small", "15 x 40 pixels, shortest_side is 16"),
    ]
    assert "2 rejected (2 too small)" in summary


def test_a_selection(root, ingested, refused):
    files = classes("a", "b", "c", each=20)
    there = root({**files, "d/empty.png": b"", "e/1.png": 5000})
    with refused("no usable picture is left of 'd'"):
        ingested(there)
    rows, _, summary = ingested(there, select={"classes": ["b", "a"], "per_class": 15})
    assert sorted(label for row in rows.values() for label in row["labels"]) == 15 * ["a"] + 15 * [
        "b"
    ]
    assert "31 left out (21 classes, 10 per_class) by ingest.select" in summary
    rows, *_ = ingested(there, select={"least_per_class": 2})  # of d there is none
    assert set(rows) == set(files)
    with refused("names 'c ', which is none of", "closest are 'c'"):
        ingested(there, select={"classes": ["a", "c "]})


def test_a_given_split_has_to_be_there(root, ingested, refused):
    with refused("ingest.split.by is given", "no split for 20 of 20 pictures", "docs/pictures.md"):
        ingested(root(classes("a", "b")), split={"by": "given"})


@pytest.mark.parametrize(("part", "missing"), [("train", "test"), ("test", "train")])
def test_a_part_of_a_given_split_is_missing(root, ingested, refused, part, missing):
    files = {f"{part}/{path}": n for path, n in classes("a", "b").items()}
    files |= {f"val/{path}": n + 50 for path, n in classes("a", "b").items()}
    with refused(f"prescribes no {missing} part, only {part} and validation"):
        ingested(root(files), split={"by": "given"})


def test_a_given_split_without_validation(root, ingested):
    train = {f"train/{path}": n for path, n in classes("a", "b", each=20).items()}
    test = {f"test/{path}": n + 50 for path, n in classes("a", "b").items()}
    *_, summary = ingested(root(train | test), split={"by": "given"})
    assert "32 train, 8 validation, 20 test" in summary


def test_leakage_is_an_error_where_asked(root, ingested, tmp_path, refused, audited, encode):
    files = {f"train/{path}": n for path, n in classes("a", "b", each=20).items()}
    files |= {f"test/{path}": n + 50 for path, n in classes("a", "b").items()}
    there = root(files)
    for i in (0, 1, 2, 3, 5):
        with Image.open(there / f"train/a/0{i}.png") as image:
            root({f"test/a/copy{i}.png": encode(image.resize((48, 32)))})
    rows, *_ = ingested(there)
    audit, tables = audited()
    assert audit["near_duplicates"]["across"] == 5
    assert audit["near_duplicates"]["leaks"] == {  # validation is drawn from train
        "train": {"same_labels": 4, "other_labels": 0},
        "validation": {"same_labels": 1, "other_labels": 0},
    }
    before = {p.name: p.read_bytes() for p in (tmp_path / "out" / "data/images").iterdir()}
    with refused(
        "ingest.audit.leakage is error, found 4 of 25 test pictures with near copies in training",
        "test/a/copy1.png (test) and train/a/01.png (train); ", "; … (no error: ",
        "reports/audit/near_duplicates.csv",
    ):  # fmt: skip
        ingested(there, audit={"leakage": "error"})
    assert audited() == (audit, tables)  # the list is there
    assert {p.name: p.read_bytes() for p in (tmp_path / "out" / "data/images").iterdir()} == before
    assert {row["path"] for row in tables["near_duplicates"]} == {
        f"test/a/copy{i}.png" for i in (0, 1, 2, 3, 5)
    }
    assert rows.keys() >= {"test/a/copy0.png", "train/a/00.png"}


def test_several_labels_in_any_order_are_no_conflict(picture):
    screening = Screening(max_pixels=1000)
    offered = [
        Picture(picture(1), "1", ("a", "b")),
        Picture(picture(1), "2", ("b", "a")),
        Picture(picture(2), "3", ("a",)),
        Picture(picture(2), "4", ("a", "b")),
    ]
    passed = [image_id for image_id, _ in screening.screen(offered)]
    screened = screening.result()
    assert [(p.path, p.image_id) for p in screened.accepted] == [("1", passed[0])]
    assert [(r.path, r.reason) for r in screened.rejections] == [
        ("2", "duplicate"),
        ("3", "label conflict"),
        ("4", "label conflict"),
    ]
    assert screened.offered == {"a": 4, "b": 3}
    screened.check({"a", "b"})


def test_of_copies_the_one_in_the_test_is_kept(picture):
    screening = Screening(max_pixels=1000)
    splits = {"1": "train", "2": "validation", "4": "test", "3": "test", "0": None}
    offered = [Picture(picture(1), path, ("a",), split=split) for path, split in splits.items()]
    assert len(list(screening.screen(offered))) == 1
    screened = screening.result()
    assert [p.path for p in screened.accepted] == ["3"]
    assert [(r.path, r.across) for r in screened.rejections] == [
        ("0", True), ("1", True), ("2", True), ("4", False),
    ]  # fmt: skip

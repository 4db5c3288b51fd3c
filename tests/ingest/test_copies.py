"""Near copies: kept on one side of the split, left out but for one, or listed."""

import io

import numpy as np
import pytest
from PIL import Image

COPIED = {"a": (1, 2, 3, 4, 5, 6), "b": (1, 2, 3)}
ACROSS = {"near_duplicate_across", "leak"}


@pytest.fixture
def paint(encode):
    """A number and a size -> the bytes of a picture that is rich in detail."""

    def make(number, size):
        noise = np.random.default_rng(number).integers(0, 256, (12, 12, 3), dtype=np.uint8)
        large = Image.fromarray(noise).resize((144, 96), Image.Resampling.BICUBIC)
        return encode(large.resize(size, Image.Resampling.LANCZOS))

    return make


@pytest.fixture
def planted(root, paint):
    """40 pictures of each of two classes, of some a larger copy; of the first one between too."""
    files = {
        f"{name}/{i}.png": paint(100 * c + i, (96, 64))
        for c, name in enumerate("ab")
        for i in range(40)
    }
    copies = {
        f"{name}/x{i}.png": paint(100 * c + i, (120, 80))
        for c, name in enumerate("ab")
        for i in COPIED[name]
    }
    return root({**files, **copies, "a/y1.png": paint(1, (108, 72))})


def groups():
    """The paths of each picture with its copies, the largest second."""
    for name, numbers in COPIED.items():
        for i in numbers:
            between = ["a/y1.png"] if (name, i) == ("a", 1) else []
            yield [f"{name}/{i}.png", f"{name}/x{i}.png", *between]


def findings(audit):
    return {found["name"]: found["count"] for found in audit["findings"]}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("by", ["picture", "artist"])
def test_they_are_kept_together(planted, ingested, audited, seed, by):
    source = {"artist": "^([a-z]?[0-9])"} if by == "artist" else {}
    rows, rejected, _ = ingested(planted, source=source, split={"by": by, "seed": seed})
    assert rejected == []
    for paths in groups():
        assert len({rows[path]["split"] for path in paths}) == 1
    assert not ACROSS & set(findings(audited()[0]))
    assert audited()[0]["near_duplicates"]["across"] == 0
    ingested(planted, source=source, split={"by": by, "seed": seed}, audit={"leakage": "error"})


def test_they_are_listed(planted, ingested, audited, refused):
    listed = {"near_duplicates": "list", "seed": 1}
    rows, *_ = ingested(planted, split=listed)
    assert set(findings(audited()[0])) & ACROSS
    with refused("ingest.audit.leakage is error"):
        ingested(planted, split=listed, audit={"leakage": "error"})
    together, *_ = ingested(planted, split={"seed": 1})
    assert {p: r["split"] for p, r in rows.items()} != {p: r["split"] for p, r in together.items()}


def test_all_but_the_largest_are_dropped(planted, ingested, audited):
    rows, rejected, said = ingested(planted, split={"near_duplicates": "drop"})
    assert len(rows) == 80
    assert {(r["path"], r["reason"], r["detail"]) for r in rejected} == {
        (path, "near duplicate", f"of {paths[1]}")
        for paths in groups()
        for path in paths
        if path != paths[1]
    }
    assert "10 rejected (10 near duplicate)" in said
    assert audited()[0]["near_duplicates"]["within"] == 0
    assert findings(audited()[0])["near_duplicate"] == 10


def test_of_equally_large_ones_the_first_image_id_is_kept(root, ingested, encode, picture):
    original = Image.open(io.BytesIO(picture(500)))
    files = {f"{name}/{i}.png": 100 * c + i for c, name in enumerate("ab") for i in range(10)}
    files |= {"a/x.png": picture(500), "b/x.bmp": encode(original, "BMP")}
    _, rejected, _ = ingested(root(files), split={"near_duplicates": "drop"})
    (left_out,) = rejected
    kept = next(iter({"a/x.png", "b/x.bmp"} - {left_out["path"]}))
    listed, *_ = ingested(root(files), split={"near_duplicates": "list"})
    assert listed[kept]["image_id"] < listed[left_out["path"]]["image_id"]
    assert left_out["detail"] == f"of {kept}; it is {kept[0]}, this one {left_out['path'][0]}"


def test_a_class_of_copies_alone_cannot_be_dropped(root, ingested, refused, picture):
    files = {f"{name}/{i}.png": 100 * c + i for c, name in enumerate("ab") for i in range(10)}
    files["c/1.png"] = picture(0, size=(18, 12))
    with refused("near_duplicates is drop, which leaves no picture of 'c'", "keep_together"):
        ingested(root(files), split={"near_duplicates": "drop"})


@pytest.mark.parametrize("how", ["keep_together", "drop"])
def test_what_the_source_prescribes_stays(root, ingested, audited, picture, how):
    files = {
        f"{part}/{name}/{i}.png": 100 * p + 50 * c + i
        for p, part in enumerate(("train", "val", "test"))
        for c, name in enumerate("ab")
        for i in range(10)
    }
    files["test/a/copy.png"] = picture(0, size=(48, 32))
    rows, rejected, _ = ingested(root(files), split={"by": "given", "near_duplicates": how})
    assert len(rows) == 61
    assert rejected == []
    assert rows["test/a/copy.png"]["split"] == "test"
    assert findings(audited()[0])["leak"] == 1


@pytest.mark.parametrize("how", ["keep_together", "drop"])
def test_without_copies_nothing_is_another(root, ingested, how):
    there = root({f"{n}/{i}.png": 100 * c + i for c, n in enumerate("ab") for i in range(40)})
    rows, *_ = ingested(there, split={"near_duplicates": how})
    assert rows == ingested(there, split={"near_duplicates": "list"})[0]


def test_a_removed_picture_is_no_reason_to_drop_its_copy(planted, ingested, tmp_path):
    path = tmp_path / "out/data/corrections.csv"
    path.parent.mkdir(parents=True)
    path.write_text("image_id,path,given,action,label\n,a/x2.png,,remove,\n", "utf-8")
    rows, rejected, _ = ingested(planted, split={"near_duplicates": "drop"})
    assert "a/2.png" in rows
    assert "a/2.png" not in {row["path"] for row in rejected}

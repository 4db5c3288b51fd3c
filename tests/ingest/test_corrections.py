"""data/corrections.csv: what a person decided about single pictures, and rows that fit nothing."""

from __future__ import annotations

import csv

import pytest

from pipeline.artifacts import corrections
from pipeline.core.digests import digest

FILES = {f"{name}/{i}.png": 100 * c + i for c, name in enumerate("abc") for i in range(20)}


@pytest.fixture
def correct(tmp_path, picture):
    """Write rows of cells: path, given, action, label; image_id is the path's, or as given."""

    def write(*rows, header=corrections.COLUMNS):
        path = tmp_path / "out" / corrections.PATH
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            for name, *cells in rows:
                known = digest(picture(FILES[name])) if name in FILES else ""
                writer.writerow([known, name, *cells])
        return path

    return write


def splits(rows):
    return {path: row["split"] for path, row in rows.items()}


def test_they_are_applied_and_move_no_picture(root, ingested, audited, correct):
    there = root(FILES)
    before, _, said = ingested(there)
    assert "correction" not in said
    tested = sorted(path for path, split in splits(before).items() if split == "test")
    trained = sorted(path for path, split in splits(before).items() if split == "train")
    old, new = tested[0][0], "c" if tested[0][0] != "c" else "a"
    correct(
        (tested[0], old, "relabel", new),
        (tested[1], "", "remove", ""),
        (trained[0], trained[0][0], "keep", ""),
        (trained[1], trained[1][0], "relabel", trained[1][0]),  # which it has
    )
    after, rejected, said = ingested(there)
    assert after[tested[0]]["labels"] == [new]
    moved = {path: row for path, row in splits(before).items() if splits(after).get(path) != row}
    assert set(moved) == {tested[1]}
    changed = {path for path in after if after[path]["labels"] != before[path]["labels"]}
    assert changed == {tested[0]}
    (row,) = rejected
    assert (row["path"], row["reason"]) == (tested[1], "removed")
    assert row["detail"] == "by row 2 of data/corrections.csv"
    assert "ingest: 4 corrections applied (1 relabel, 1 remove, 2 keep)" in said
    assert "2 test pictures relabelled or removed: the test is another one" in said
    found = audited()[0]["corrections"]
    nowhere = {"train": 0, "validation": 0, "test": 0}
    assert found["applied"] == {
        "relabel": nowhere | {"test": 1},
        "remove": nowhere | {"test": 1},
        "keep": nowhere | {"train": 2},
    }
    assert {row["path"]: row["split"] for row in audited()[1]["corrections"]} == {
        path: before[path]["split"] for path in (*tested[:2], *trained[:2])
    }


def test_a_header_alone_changes_nothing(root, ingested, audited, correct):
    there = root(FILES)
    before, *_ = ingested(there)
    correct()
    assert ingested(there)[0] == before
    assert audited()[0]["corrections"]["rows"] == []


def test_a_picture_may_be_named_by_its_path_alone(root, ingested, correct):
    path = correct()
    text = ',a/1.png,a,relabel,b\n,"a/2.png",,remove,\n'
    path.write_text(path.read_text("utf-8") + text, "utf-8")
    rows, *_ = ingested(root(FILES))
    assert rows["a/1.png"]["labels"] == ["b"]
    assert "a/2.png" not in rows


def test_several_labels_are_parted(root, ingested, correct):
    correct(("a/1.png", "a", "relabel", "b | c"), ("a/2.png", "a", "relabel", "c"))
    rows, *_ = ingested(root(FILES))
    assert rows["a/1.png"]["labels"] == ["b", "c"]
    assert rows["a/2.png"]["labels"] == ["c"]


def test_a_table_as_a_spreadsheet_writes_it(root, ingested, correct):
    path = correct(("a/1.png", "a", "relabel", "b"))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b",", b";"))
    assert ingested(root(FILES))[0]["a/1.png"]["labels"] == ["b"]


def test_the_selection_goes_by_the_corrected_labels(root, ingested, audited, correct):
    correct(
        ("a/1.png", "a", "relabel", "c"),
        ("c/1.png", "c", "relabel", "b"),
        ("c/2.png", "c", "keep", ""),
    )
    rows, *_, said = ingested(root(FILES), select={"classes": ["a", "b"]})
    assert "a/1.png" not in rows
    assert rows["c/1.png"]["labels"] == ["b"]
    assert audited()[0]["corrections"]["left_out"] == 2
    assert "2 corrections of pictures that ingest.select left out" in said


def test_the_same_row_twice_counts_once(root, ingested, audited, correct):
    correct(*[("a/1.png", "a", "relabel", "b")] * 2)
    ingested(root(FILES))
    assert sum(audited()[0]["corrections"]["applied"]["relabel"].values()) == 1


@pytest.mark.parametrize(
    ("rows", "parts"),
    [
        ([("a/1.png", "a", "delete", "")], ["row 1 of", "the action 'delete'", "or keep"]),
        ([("a/1.png", "a", "relabel", "")], ["row 1 of", "without a label", "parted by |"]),
        ([("a/1.png", "a", "keep", "b")], ["the action keep and the label 'b'", "leave the label"]),
        (
            [("a/1.png", "a", "keep", ""), ("x/1.png", "a", "keep", "")],
            ["row 2 of", "'x/1.png'", "none of the 60 usable pictures", "take the row out"],
        ),
        (
            [("a/1.png", "a", "relabel", "d")],
            ["row 1 of", "'d'", "none of the 3 classes", "closest are"],
        ),
        (
            [("a/1.png", "a", "relabel", "b"), ("a/1.png", "a", "remove", "")],
            ["row 1 of data/corrections.csv and row 2 do not agree about 'a/1.png'", "keep one"],
        ),
        (
            [("a/1.png", "b", "relabel", "c")],
            ["when 'a/1.png' was labelled 'b'", "the source says 'a' now", "look again"],
        ),
    ],
)
def test_rows_that_fit_nothing(root, ingested, correct, refused, tmp_path, rows, parts):
    correct(*rows)
    with refused("data/corrections.csv", *parts):
        ingested(root(FILES))
    assert not (tmp_path / "out/data/images").exists()
    assert not (tmp_path / "out/reports").exists()


def test_what_is_no_such_table(root, ingested, correct, refused):
    path = correct(header=["path", "action"])
    with refused("data/corrections.csv has no column 'image_id'; it has: path, action"):
        ingested(root(FILES))
    path.write_bytes(b"")
    with refused("data/corrections.csv cannot be read as a table: it is empty"):
        ingested(root(FILES))


def test_a_class_that_the_corrections_empty(root, ingested, correct, refused):
    correct(*((f"a/{i}.png", "a", "remove", "") for i in range(20)))
    assert {row["labels"][0] for row in ingested(root(FILES))[0].values()} == {"b", "c"}
    correct(
        *((f"{name}/{i}.png", name, "relabel", "c") for name in "ab" for i in range(20)),
    )
    with refused("only one class, 'c'"):
        ingested(root(FILES))

"""What the stage says at its end."""

import csv
import io

import pytest


def test_how_names_were_understood(root, ingested):
    there = root(
        {
            f"seg_{part}/{name}/{i}.png": 100 * p + 10 * c + i
            for p, part in enumerate(("train", "test"))
            for c, name in enumerate("ab")
            for i in range(6)
        }
    )
    rows, _, said = ingested(there)
    assert "ingest: parts of the split: seg_test is test, seg_train is train\n" in said
    assert "24 pictures of 2 classes" in said
    assert {r["split"] for path, r in rows.items() if path.startswith("seg_test")} == {"test"}


def test_rows_that_are_left_out(root, ingested):
    rows = [[f"{i}.png", "ab"[i % 2]] for i in range(20)]
    file = io.StringIO()
    csv.writer(file).writerows([["file", "style"], *rows, ["missing.png", "a"], ["3.png", "b"]])
    there = root(
        {**{name: i for i, (name, _) in enumerate(rows)}, "t.csv": file.getvalue().encode()}
    )
    source = {"kind": "table", "file": "t.csv", "image": "file", "labels": "style"}
    found, rejected, said = ingested(there, source={**source, "on_error": "reject"})
    assert len(found) == 20
    assert [(r["path"], r["reason"]) for r in rejected] == [
        ("3.png", "bad row"),
        ("missing.png", "bad row"),
    ]
    assert "row 21 of" in rejected[1]["detail"]
    assert "2 rejected (2 bad row)" in said


def test_names_of_classes_that_may_be_mistakes(root, ingested, audited):
    names = ["Pop Art", "pop-art", "1.0", "1", "nan", "Cubism"]
    ingested(
        root({f"{name}/{i}.png": 10 * c + i for c, name in enumerate(names) for i in range(6)})
    )
    found = {f["name"]: [row["name"] for row in f["examples"]] for f in audited()[0]["findings"]}
    assert found["alike_names"] == ["1", "1.0", "Pop Art", "pop-art"]
    assert found["decimal_names"] == ["1.0"]
    assert found["empty_names"] == ["nan"]


def test_names_of_artists_that_may_be_one(root, ingested, audited):
    names = ["Dürer, Albrecht", "Albrecht Durer", "GOYA", "Goya", "Jan Steen", "Jan van Steen"]
    files = {
        f"{'ab'[i % 2]}/{name}_{i}.png": 10 * n + i
        for n, name in enumerate(names)
        for i in range(6)
    }
    ingested(root(files), source={"artist": "^(.+)_"})
    found = {f["name"]: [row["name"] for row in f["examples"]] for f in audited()[0]["findings"]}
    assert found["alike_artists"] == ["Albrecht Durer", "Dürer, Albrecht", "GOYA", "Goya"]


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (["train", "val"], "test drawn from the training pictures: the source has none"),
        (["train", "test"], "validation drawn from the training pictures"),
        (["train"], "validation and test drawn from the training pictures"),
        (["train", "val", "test"], None),
        (["."], None),
    ],
)
def test_parts_that_are_drawn(root, ingested, parts, said):
    files = {
        f"{part}/{name}/{i}.png": 100 * p + 40 * c + i
        for p, part in enumerate(parts)
        for c, name in enumerate("ab")
        for i in range(20)
    }
    _, _, summary = ingested(root(files))
    if said:
        assert f"ingest: {said}" in summary
    else:
        assert "drawn" not in summary

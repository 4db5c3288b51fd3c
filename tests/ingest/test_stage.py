"""What the stage says at its end."""


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

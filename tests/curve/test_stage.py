"""What the stage makes of a small project."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipeline.artifacts.curves import read_expected, read_line, read_points
from pipeline.curve import stage
from pipeline.curve.stage import curve, rows_of_parts
from pipeline.params import load_params


@pytest.fixture
def there(project, monkeypatch):
    """The stage, run there."""
    monkeypatch.chdir(project.folder)
    return lambda: curve(load_params().curve)


def test_points_line_and_what_is_expected(made, monkeypatch):
    monkeypatch.chdir(made[0].folder)
    points, line, expected = read_points(), read_line(), read_expected()
    rows = pq.read_table("data/images", columns=["labels", "split"]).to_pylist()
    train = sum(row["split"] == "train" for row in rows)
    tested = {name for row in rows if row["split"] == "test" for name in row["labels"]}
    whole = points[points["of"] == ""]
    assert whole["pictures"].is_monotonic_increasing
    assert whole["pictures"].iloc[-1] == train
    assert whole["accuracy"].between(whole["low"], whole["high"]).all()
    assert (whole["low"] == whole["high"]).iloc[-1]  # trained once
    assert {*points["of"]} == {*line["of"]} == {*expected["of"]} == {"", *tested}
    assert expected["pictures"].eq(expected["times"] * train).all()
    told = expected[expected["why"] == ""].groupby("of")["pictures"].max()
    assert line.groupby("of")["pictures"].max().to_dict() == {
        name: told.get(name, train) for name in {*points["of"]}
    }
    assert line["accuracy"].between(line["low"] - 0.2, line["high"] + 0.2).all()


def test_it_says_what_twice_as_many_bring_and_says_the_same_again(there, project):
    before = project.digests("reports/curve")
    assert there().startswith("curve: accuracy 0.")
    assert project.digests("reports/curve") == before


def test_by_artist(project, monkeypatch):
    project.set(**{"ingest.split.by": "artist"})
    project.run("dvc", "repro", "curve")
    monkeypatch.chdir(project.folder)
    assert (read_points()["of"] == "").sum() >= 5


def test_of_many_pictures_some_are_drawn(there, monkeypatch):
    monkeypatch.setattr(stage, "MOST", 40)
    assert "with 40 pictures" in there()
    points, expected = read_points(), read_expected()
    assert points["pictures"].max() == 40
    assert expected["pictures"].eq(expected["times"] * expected["now"]).all()
    assert expected["now"].gt(40).all()


def test_wide_features_are_held_of_fewer_pictures(rng):
    split = np.array(["train"] * 3000 + ["validation"] * 500 + ["test"] * 10)
    parts = rows_of_parts(split, 100_352, rng)
    assert [len(part) for part in parts] == [891, 500, 10]
    assert all((split[part] == name).all() for part, name in zip(
        parts, ("train", "validation", "test"), strict=True))  # fmt: skip

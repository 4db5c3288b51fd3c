"""A planted shortcut is found, and none where there is none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipeline.insight.cues import jpeg_quality
from pipeline.insight.shortcuts import ALL, probed, shortcuts, within_artists

COUNT = 400


def found(rng, tables, targets, groups=None):
    test = np.arange(len(targets)) % 3 == 0
    own = np.arange(test.sum()) if groups is None else groups
    return shortcuts(tables, targets, ~test, test, own, resamples=500, rng=rng).set_index("cues")


@pytest.mark.parametrize("planted", [True, False])
def test_a_class_that_is_saved_at_another_quality(rng, encode, planted):
    labels = rng.integers(2, size=COUNT)
    tables = {"JPEG quality": [], "file size": []}
    for label in labels:
        noise = Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8))
        quality = 60 if planted and label else int(rng.choice([60, 75, 90]))
        data = encode(noise, "JPEG", quality=quality)
        tables["JPEG quality"].append(jpeg_quality(data))
        tables["file size"].append(len(data))
    frames = {name: pd.DataFrame({name: values}) for name, values in tables.items()}
    table = found(rng, frames, np.eye(2, dtype=int)[labels])
    assert list(table.index) == ["JPEG quality", "file size", ALL]
    assert (table["above_low"] > 0).tolist() == [planted] * 3
    if planted:  # right of all at 75 and 90, and of those at 60 that have the label: 5 of 6
        assert table.loc["JPEG quality", "accuracy"] == pytest.approx(5 / 6, abs=0.07)


@pytest.mark.slow(reason="many tables of chance are tried")
def test_chance_is_taken_for_a_shortcut_in_few_of_100(rng):
    times = 0
    for _ in range(100):
        numbers = {"chance": pd.DataFrame(rng.normal(size=(150, 3)))}
        table = found(rng, numbers, np.eye(2, dtype=int)[rng.integers(2, size=150)])
        times += table.loc["chance", "above_low"] > 0
    assert times <= 6


def test_pictures_of_several_classes(rng):
    targets = (rng.random((COUNT, 3)) < 0.3).astype(int)
    targets[targets.sum(1) == 0, 0] = 1
    table = found(rng, {"told": pd.DataFrame(targets + rng.normal(0, 0.1, targets.shape))}, targets)
    assert table.loc["told", "accuracy"] > 0.95
    assert table.loc["told", "above"] == pytest.approx(
        table.loc["told", "accuracy"] - targets[::3][:, targets.sum(0).argmax()].mean(), abs=1e-6
    )


def test_no_cues_one_artist_and_one_class(rng):
    targets = np.eye(2, dtype=int)[rng.integers(2, size=30)]
    assert found(rng, {}, targets).empty
    one = found(rng, {"x": pd.DataFrame(targets)}, targets, np.zeros(10, int))
    assert one[["above_low", "above_high"]].to_numpy().tolist() == [[-1, 1]] * 2
    scores = probed(np.zeros((4, 1)), np.eye(3, dtype=int)[[1, 1, 1, 1]], np.zeros((2, 1)))
    assert scores.tolist() == [[0, 1, 0]] * 2


def by_artists(rng, *, within):
    """Cues that tell the artist, each with one class more often, and maybe the class itself."""
    artist = rng.integers(12, size=600)
    shares = np.array([0.8, 0.2, 0.6])[artist % 3]
    labels = (rng.random(600) < shares).astype(int)
    cue = artist % 3 + rng.normal(0, 0.1, 600) + (10 * labels if within else 0)
    test = np.arange(600) % 3 == 0
    return within_artists(
        {"cue": pd.DataFrame({"cue": cue})},
        np.eye(2, dtype=int)[labels],
        ~test,
        test,
        [f"artist {i}" for i in artist],
        resamples=200,
        rng=rng,
    )


def test_cues_that_tell_the_class_of_an_artists_pictures(rng):
    found = by_artists(rng, within=True)
    assert (found["pictures"], found["artists"]) == (200, 12)
    assert found["accuracy"] > 0.98
    assert found["above_low"] > 0.1


@pytest.mark.slow(reason="many tables are drawn")
def test_cues_that_tell_the_artist_alone_are_told_from_them():
    rng = np.random.default_rng(5)
    found = [by_artists(rng, within=False) for _ in range(60)]
    assert np.mean([of["above"] for of in found]) <= 0
    assert sum(of["above_low"] > 0 for of in found) <= 3


@pytest.mark.parametrize("artists", [[None] * 6, ["a", "a", "a", "b", "b", "b"]])
def test_without_artists_of_several_classes_nothing_is_said(rng, artists):
    targets, test = np.repeat(np.eye(2, dtype=int), 3, 0), np.array([False, True, True] * 2)
    cues = {"cue": pd.DataFrame({"cue": rng.random(6)})}
    assert within_artists(cues, targets, ~test, test, artists, resamples=9, rng=rng) is None

"""Differences against loops and scikit-learn, their intervals in simulations with known truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, binomtest
from sklearn.metrics import f1_score

from pipeline.insight.differences import Answers, changed, mcnemar, paired_differences
from pipeline.measure.resampling import group_positions, resampling_weights

CLASSES = 3


def answers(rng, targets, right, *, multilabel=False):
    """Scores (R, N, C) whose top class is the picture's where `right` (R, N), else any other."""
    scores = rng.random((*right.shape, targets.shape[1])) * 0.5
    wrong = (targets.argmax(1) + rng.integers(1, targets.shape[1], right.shape)) % targets.shape[1]
    top = np.where(right, targets.argmax(1), wrong)
    np.put_along_axis(scores, top[..., None], 1.0, 2)
    return Answers.of(scores, targets, threshold=0.4, multilabel=multilabel)


@pytest.mark.parametrize("by_artist", [False, True])
@pytest.mark.parametrize("multilabel", [False, True])
def test_against_a_loop_over_resamples(rng, by_artist, multilabel):
    count, resamples = 60, 40
    targets = np.eye(CLASSES, dtype=np.int8)[rng.integers(CLASSES, size=count)]
    if multilabel:
        targets |= (rng.random(targets.shape) < 0.3).astype(np.int8)
    artists = [f"a{i}" for i in rng.integers(9, size=count)] if by_artist else None
    runs = {
        name: answers(rng, targets, rng.random((repeats, count)) < share, multilabel=multilabel)
        for name, repeats, share in (("x", 2, 0.8), ("y", 1, 0.6), ("z", 3, 0.6))
    }

    def scores(run, rows):
        there = np.flatnonzero(targets[rows].sum(0))
        f1 = [
            f1_score(targets[rows], of[rows], labels=there, average="macro", zero_division=0)
            for of in run.assigned
        ]
        return run.hits[:, rows].mean(), np.mean(f1)

    def table(seed):
        seeded = np.random.default_rng(seed)
        return paired_differences(runs, targets, artists, resamples=resamples, rng=seeded)

    found = table(0).set_index(["run", "other"])
    assert list(found.index) == [("x", "y"), ("x", "z"), ("y", "z")]
    position = group_positions(artists, count)
    groups = position.max() + 1
    blocks = resampling_weights(groups, resamples=resamples, rng=np.random.default_rng(0))
    drawn = [
        np.repeat(np.arange(count), weights.astype(int)[position])
        for weights in np.concatenate(list(blocks), 1).T
    ]
    for run, other in found.index:
        row = found.loc[run, other]
        everything = np.subtract(*(scores(runs[of], np.arange(count)) for of in (run, other)))
        resampled = [
            np.subtract(*(scores(runs[of], rows) for of in (run, other))) for rows in drawn
        ]
        for k, name in enumerate(("accuracy", "macro_f1")):
            assert row[name] == pytest.approx(everything[k], abs=1e-6)
            inside = np.array(resampled)[:, k]
            assert row[f"{name}_low"] >= inside.min() - 1e-6
            assert row[f"{name}_high"] <= inside.max() + 1e-6
            low, high = np.quantile(inside, [0.025, 0.975])  # the expanded one holds it
            assert row[f"{name}_low"] <= low + 1e-6
            assert row[f"{name}_high"] >= high - 1e-6
    assert table(0).equals(table(0))


def test_a_run_differs_from_itself_by_nothing(rng):
    targets = np.eye(CLASSES, dtype=np.int8)[rng.integers(CLASSES, size=50)]
    same = answers(rng, targets, rng.random((1, 50)) < 0.7)
    row = paired_differences({"x": same, "y": same}, targets, None, resamples=100, rng=rng).iloc[0]
    assert (row.filter(regex="accuracy|f1") == 0).all()
    assert (row["only_run"], row["only_other"], row["p_value"]) == (0, 0, 1.0)


def test_one_artist_tells_nothing_of_others(rng):
    targets = np.eye(CLASSES, dtype=np.int8)[rng.integers(CLASSES, size=9)]
    runs = {name: answers(rng, targets, rng.random((1, 9)) < 0.7) for name in "xy"}
    row = paired_differences(runs, targets, ["a"] * 9, resamples=100, rng=rng).iloc[0]
    assert (row["accuracy_low"], row["macro_f1_high"]) == (-1, 1)


@pytest.mark.parametrize(("first", "second"), [(0, 1), (3, 9), (9, 3), (0, 12), (40, 21), (7, 7)])
def test_mcnemar_is_the_binomial_test_with_half_of_what_was_seen(first, second):
    exact, seen = binomtest(first, first + second).pvalue, binom.pmf(first, first + second, 0.5)
    expected = exact - seen if first != second else 1.0
    assert mcnemar(first, second) == pytest.approx(expected, abs=1e-12)


def test_mcnemar_without_a_difference():
    assert mcnemar(0, 0) == 1.0


def test_the_pictures_that_changed_are_those_that_mcnemar_counts(rng):
    targets = np.eye(CLASSES, dtype=np.int8)[rng.integers(CLASSES, size=50)]
    runs = {name: answers(rng, targets, rng.random((2, 50)) < 0.6) for name in "xyz"}
    table = paired_differences(runs, targets, None, resamples=10, rng=rng)
    found = changed(runs, [f"p{i}" for i in range(50)]).to_pandas()
    for row in table.to_dict("records"):
        both = found[(found["run"] == row["run"]) & (found["other"] == row["other"])]
        assert (both["right"] == row["run"]).sum() == row["only_run"]
        assert (both["right"] == row["other"]).sum() == row["only_other"]
        for image_id, right in both[["image_id", "right"]].itertuples(index=False):
            wrong = ({row["run"], row["other"]} - {right}).pop()
            assert runs[right].hits[0, int(image_id[1:])]
            assert not runs[wrong].hits[0, int(image_id[1:])]


def simulated(rng, artists):
    """Targets, artists and two runs' answers; an artist's pictures are easy or hard for both."""
    sizes = rng.integers(2, 15, artists)
    artist = np.repeat(np.arange(artists), sizes)
    targets = np.eye(CLASSES, dtype=np.int8)[rng.integers(CLASSES, size=len(artist))]
    ease = rng.normal(0, 1, (artists, 1)) + rng.normal(0, 0.7, (artists, 2))
    runs = {}
    for k, (name, level) in enumerate((("x", 1.0), ("y", 0.5))):
        right = rng.random(len(artist)) < 1 / (1 + np.exp(-(level + ease[artist, k])))
        runs[name] = answers(rng, targets, right[None])
    return targets, [str(a) for a in artist], runs


@pytest.mark.slow(reason="500 sets are drawn")
@pytest.mark.parametrize("artists", [12, 60])
def test_intervals_hold_the_truth_in_95_of_100_sets(artists):
    rng = np.random.default_rng(1)
    targets, _, runs = simulated(rng, 100_000)
    everything = paired_differences(runs, targets, None, resamples=1, rng=rng).iloc[0]
    held = {"accuracy": 0, "macro_f1": 0}
    for _ in range(500):
        targets, names, runs = simulated(rng, artists)
        row = paired_differences(runs, targets, names, resamples=400, rng=rng).iloc[0]
        for name in held:
            held[name] += row[f"{name}_low"] <= everything[name] <= row[f"{name}_high"]
    for name, times in held.items():
        assert 0.93 <= times / 500 <= 0.97, (name, times)

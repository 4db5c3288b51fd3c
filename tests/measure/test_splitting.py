from collections import Counter, defaultdict

import numpy as np
import pytest

from pipeline.ingest.params import Split
from pipeline.ingest.splitting import split_pictures
from pipeline.measure.splitting import (
    assign_splits,
    connected,
    sole_artists,
    split_by_artist,
    split_by_picture,
    united,
)

SHARES = {"validation": 0.15, "test": 0.2}


def rng(seed=0):
    return np.random.default_rng(seed)


def pictures(**counts):
    """Labels of so many pictures: `a=3, b_c=2` is ("a",) three times and ("b", "c") twice."""
    return [tuple(name.split("_")) for name, count in counts.items() for _ in range(count)]


def shuffled(labels, seed=0):
    return [labels[i] for i in rng(seed).permutation(len(labels))]


def by_stratum(labels, splits):
    counts = defaultdict(Counter)
    for row, split in zip(labels, splits, strict=True):
        counts[row][split] += 1
    return counts


def trained(labels, splits):
    rows = zip(labels, splits, strict=True)
    return {label for row, split in rows if split == "train" for label in row}


@pytest.mark.parametrize(("validation", "test"), [(0.15, 0.2), (0.1, 0.1), (0.3, 0.4), (0.05, 0.5)])
@pytest.mark.parametrize("seed", range(5))
def test_each_stratum_gives_its_share(seed, validation, test):
    labels = shuffled(pictures(a=300, b=41, c=7, a_b=23, d=100, c_d=12))
    splits = split_by_picture(labels, validation=validation, test=test, rng=rng(seed))
    counts = Counter(splits)
    assert abs(counts["test"] - test * len(labels)) <= 1
    assert abs(counts["validation"] - validation * len(labels)) < 2
    for row, found in by_stratum(labels, splits).items():
        total = labels.count(row)
        assert abs(found["test"] - test * total) <= 1
        assert abs(found["validation"] - validation * total) < 2


def test_round_shares_are_exact():
    labels = shuffled(pictures(a=60, b=40, c=20))
    splits = split_by_picture(labels, validation=0.1, test=0.2, rng=rng())
    assert by_stratum(labels, splits) == {
        ("a",): {"train": 42, "validation": 6, "test": 12},
        ("b",): {"train": 28, "validation": 4, "test": 8},
        ("c",): {"train": 14, "validation": 2, "test": 4},
    }


def test_the_order_of_the_labels_of_a_picture_is_no_stratum():
    labels = [("a", "b"), ("b", "a")] * 5
    drawn = [split_by_picture(labels, validation=0.1, test=0.2, rng=rng(i)) for i in range(20)]
    assert all(Counter(s) == {"train": 7, "validation": 1, "test": 2} for s in drawn)
    # Two strata would give one test picture each.
    assert {s[::2].count("test") for s in drawn} == {0, 1, 2}


def test_every_picture_can_be_drawn():
    labels = pictures(a=10, b=10)
    drawn = [split_by_picture(labels, **SHARES, rng=rng(seed)) for seed in range(100)]
    for number in range(20):
        found = Counter(splits[number] for splits in drawn)
        assert 5 <= found["test"] <= 40  # 20 expected
        assert 3 <= found["validation"] <= 33  # 15 expected


@pytest.mark.parametrize("artists", [None, [f"artist {i % 17}" for i in range(120)]])
def test_the_seed_decides(artists):
    labels, given = shuffled(pictures(a=70, b=40, a_b=10)), [None] * 120
    one, again, other = (
        assign_splits(labels, artists, given, **SHARES, rng=rng(seed)) for seed in (0, 0, 1)
    )
    assert one == again
    assert one != other


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("count", [1, 2, 3])
def test_tiny_classes_are_trained(seed, count):
    labels = shuffled(pictures(a=50, b=count, c=count, b_d=count), seed)
    splits = split_by_picture(labels, validation=0.3, test=0.4, rng=rng(seed))
    assert trained(labels, splits) == {"a", "b", "c", "d"}
    assert Counter(splits)["test"] >= 0.4 * 50 - 1


def paintings(artists=40, seed=0):
    """(labels, artists): artists of one or two of five genres with 1 to 60 pictures each."""
    generator = rng(seed)
    labels, names = [], []
    for number in range(artists):
        genres = generator.choice(list("abcde"), generator.integers(1, 3), replace=False)
        count = int(generator.integers(1, 61))
        labels += [tuple(sorted(genres))] * count
        names += [f"artist {number}"] * count
    order = generator.permutation(len(labels))
    return [labels[i] for i in order], [names[i] for i in order]


@pytest.mark.parametrize("seed", range(10))
def test_artists_stay_together(seed):
    labels, artists = paintings(seed=seed)
    splits = split_by_artist(labels, artists, **SHARES, rng=rng(seed))
    sides = defaultdict(set)
    for artist, split in zip(artists, splits, strict=True):
        sides[artist].add(split)
    assert {len(side) for side in sides.values()} == {1}
    assert trained(labels, splits) == set("abcde")
    counts = Counter(splits)
    for split, share in [("train", 0.65), ("validation", 0.15), ("test", 0.2)]:
        assert counts[split] == pytest.approx(share * len(labels), abs=0.08 * len(labels))


@pytest.mark.parametrize("seed", range(5))
def test_labels_are_stratified_over_artists(seed):
    labels, artists = paintings(artists=200, seed=seed)
    splits = split_by_artist(labels, artists, **SHARES, rng=rng(seed))
    for label in "abcde":
        found = Counter(s for s, row in zip(splits, labels, strict=True) if label in row)
        assert found["test"] / found.total() == pytest.approx(0.2, abs=0.05)
        assert found["validation"] / found.total() == pytest.approx(0.15, abs=0.05)


def test_the_only_artist_of_a_label_is_trained():
    labels = pictures(a=30, b=10, c=1)
    artists = [f"of a {i % 6}" for i in range(30)] + ["of b"] * 10 + ["of c"]
    splits = split_by_artist(labels, artists, **SHARES, rng=rng())
    assert set(splits[30:]) == {"train"}
    assert sole_artists(labels, artists) == {"of b", "of c"}


def test_many_labels_of_one_artist_each():
    """No random division would train them all."""
    labels = pictures(a=30, **{f"of{i}": 2 for i in range(40)})
    artists = [f"of a {i % 6}" for i in range(30)] + [f"artist {i // 2}" for i in range(80)]
    splits = split_by_artist(labels, artists, **SHARES, rng=rng())
    assert set(splits[30:]) == {"train"}
    assert set(splits[:30]) == {"train", "validation", "test"}


@pytest.mark.parametrize("by_artist", [False, True])
def test_a_given_split_is_kept(by_artist):
    labels = shuffled(pictures(a=60, b=40))
    artists = [f"artist {i % 20}" for i in range(100)] if by_artist else None
    given = [["train", "validation", "test"][i % 3] for i in range(100)]
    assert assign_splits(labels, artists, given, **SHARES, rng=rng()) == given


@pytest.mark.parametrize(("missing", "share"), [("validation", 0.15), ("test", 0.2)])
def test_a_missing_part_is_drawn_from_training(missing, share):
    labels = shuffled(pictures(a=60, b=40))
    there = "test" if missing == "validation" else "validation"
    given = [there if i % 4 == 0 else "train" for i in range(100)]
    splits = assign_splits(labels, None, given, **SHARES, rng=rng())
    assert [s == there for s in splits] == [g == there for g in given]
    assert Counter(splits)[missing] == pytest.approx(share * 75, abs=1)


def test_a_missing_part_is_drawn_by_artist():
    labels, artists = paintings()
    given = ["test" if artist.endswith("7") else None for artist in artists]
    splits = assign_splits(labels, artists, given, **SHARES, rng=rng())
    sides = defaultdict(set)
    for artist, split in zip(artists, splits, strict=True):
        sides[artist].add(split)
    assert {len(side) for side in sides.values()} == {1}
    assert [s == "test" for s in splits] == [g == "test" for g in given]
    assert "validation" in splits


@pytest.mark.parametrize("artists", [None, ["x"] * 4])
def test_nothing_to_draw_from(artists):
    given = ["test"] * 4
    assert assign_splits([("a",)] * 4, artists, given, **SHARES, rng=rng()) == given


def split_as_given(given):
    params = Split(by="given", **SHARES, near_duplicates="list", seed=0)
    labels = [("a",), ("b",)] * (len(given) // 2)
    paths = [f"{i}.jpg" for i in range(len(given))]
    return split_pictures(labels, [None] * len(given), given, params, paths=paths)


def test_a_split_that_is_to_be_given_is_kept():
    given = ["train", "train", "validation", "validation", "test", "test"] * 4
    assert split_as_given(given) == given
    splits = split_as_given(["train"] * 40 + ["test"] * 10)
    assert Counter(splits) == {"train": 34, "validation": 6, "test": 10}
    assert splits[40:] == ["test"] * 10


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        ([None] * 4, ["no split for 4 of 4 pictures"]),
        (["train", "test", None, "test"], ["no split for 1 of 4 pictures"]),
        (["train", "train", "validation", "train"], ["no test part, only train and validation"]),
        (["test"] * 4, ["no train part, only test"]),
    ],
)
def test_a_split_that_is_to_be_given_is_not(refused, given, parts):
    with refused("ingest.split.by is given, but the source prescribes", *parts):
        split_as_given(given)


def grouped(count, sizes, seed=0):
    """(labels, pairs): pictures of three classes, and of each of `sizes` so many in a row."""
    labels = shuffled(pictures(a=count // 2, b=count // 3, c=count - count // 2 - count // 3), seed)
    order, pairs, place = rng(seed + 100).permutation(count), [], 0
    for size in sizes:
        rows = order[place : place + size]
        pairs += [*zip(rows[:-1].tolist(), rows[1:].tolist(), strict=True)]
        place += size
    return labels, pairs


def one_sided(splits, pairs):
    return all(splits[i] == splits[j] for i, j in pairs)


@pytest.mark.parametrize("seed", range(10))
def test_pairs_come_to_one_side_and_the_shares_hold_to_within_the_largest_group(seed):
    labels, pairs = grouped(600, [2] * 40 + [3] * 20 + [5] * 10 + [12], seed)
    splits = assign_splits(labels, None, [None] * 600, **SHARES, rng=rng(seed), together=pairs)
    assert one_sided(splits, pairs)
    counts = Counter(splits)
    assert abs(counts["test"] - 0.2 * 600) <= 12
    assert abs(counts["validation"] - 0.15 * 600) <= 12 * (1 + 0.15 / 0.8)
    for row, found in by_stratum(labels, splits).items():
        total = labels.count(row)
        assert found["test"] / total == pytest.approx(0.2, abs=0.06)
        assert found["validation"] / total == pytest.approx(0.15, abs=0.06)
    again, other = (
        assign_splits(labels, None, [None] * 600, **SHARES, rng=rng(s), together=pairs)
        for s in (seed, seed + 1)
    )
    assert splits == again
    assert splits != other


def test_groups_come_to_each_part_as_often_as_single_pictures():
    labels, pairs = grouped(100, [2] * 10)
    drawn = [
        assign_splits(labels, None, [None] * 100, **SHARES, rng=rng(seed), together=pairs)
        for seed in range(200)
    ]
    of_pairs = Counter(splits[i] for splits in drawn for i, _ in pairs)
    assert of_pairs["test"] / of_pairs.total() == pytest.approx(0.2, abs=0.04)
    assert of_pairs["validation"] / of_pairs.total() == pytest.approx(0.15, abs=0.04)


@pytest.mark.parametrize("seed", range(5))
def test_a_group_that_is_larger_than_a_part_is_trained(seed):
    labels, pairs = grouped(100, [30], seed)
    splits = assign_splits(labels, None, [None] * 100, **SHARES, rng=rng(seed), together=pairs)
    assert {splits[i] for i, _ in pairs} == {"train"}
    assert Counter(splits)["test"] == pytest.approx(0.2 * 70, abs=1)


@pytest.mark.parametrize("seed", range(5))
def test_a_label_in_one_group_alone_is_trained(seed):
    labels = [*pictures(a=40, b=40), ("c",), ("c",)]
    splits = assign_splits(labels, None, [None] * 82, **SHARES, rng=rng(seed), together=[(80, 81)])
    assert splits[80:] == ["train"] * 2


@pytest.mark.parametrize("seed", range(5))
def test_artists_of_paired_pictures_come_to_one_side(seed):
    labels, artists = paintings(seed=seed)
    chosen = rng(seed).choice(len(labels), 12, replace=False).tolist()
    pairs = [*zip(chosen[::2], chosen[1::2], strict=True)]
    given = [None] * len(labels)
    splits = assign_splits(labels, artists, given, **SHARES, rng=rng(seed), together=pairs)
    assert one_sided(splits, pairs)
    sides = defaultdict(set)
    for artist, split in zip(artists, splits, strict=True):
        sides[artist].add(split)
    assert {len(side) for side in sides.values()} == {1}


def test_what_is_prescribed_stays_though_it_is_paired():
    labels = shuffled(pictures(a=60, b=40))
    given = ["test" if i % 4 == 0 else "train" for i in range(100)]
    pairs = [(0, 1), (2, 3), (5, 6)]
    splits = assign_splits(labels, None, given, **SHARES, rng=rng(), together=pairs)
    assert [s == "test" for s in splits] == [g == "test" for g in given]
    assert one_sided(splits, pairs[1:])


def test_connected_pictures():
    assert connected(6, [(4, 2), (2, 0), (3, 5)]) == [0, 1, 0, 2, 0, 2]
    assert connected(0, []) == []
    assert united(["b", "a", "c", "c"], [(0, 1), (1, 3)]) == ["a"] * 4
    assert united(["b", "a", "c", "c"], []) == ["b", "a", "c", "c"]

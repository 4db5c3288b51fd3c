"""Training, validation and test: seeded, stratified, by picture, by groups of them, by artist."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

SPLITS = ("train", "validation", "test")
DRAWS = 1000  # divisions of the artists that are compared


def assign_splits(
    labels: Sequence[tuple[str, ...]],
    artists: Sequence[str] | None,
    given: Sequence[str | None],
    *,
    validation: float,
    test: float,
    rng: Generator,
    together: Iterable[Sequence[int]] = (),
) -> list[str]:
    """A split for each picture: by artist where `artists` are given, else by picture.

    What the source prescribes (`given`) stays; a part it lacks is drawn from its training pictures.
    together: pairs of positions, which come to one side where both are drawn, with all that they
    are paired with and, by artist, with all pictures of their artists.
    """
    splits = [split or "train" for split in given]
    pool = [i for i, split in enumerate(splits) if split == "train"]
    place_of = {i: place for place, i in enumerate(pool)}
    pairs = [(place_of[i], place_of[j]) for i, j in together if i in place_of and j in place_of]
    shares = {
        "validation": 0.0 if "validation" in splits else validation,
        "test": 0.0 if "test" in splits else test,
    }
    pool_labels = [labels[i] for i in pool]
    if artists is None:
        groups = connected(len(pool), pairs)
        drawn = split_by_group(pool_labels, groups, **shares, rng=rng)
    else:
        names = united([artists[i] for i in pool], pairs)
        drawn = split_by_artist(pool_labels, names, **shares, rng=rng)
    for i, split in zip(pool, drawn, strict=True):
        splits[i] = split
    return splits


def connected(count: int, pairs: Iterable[Sequence[int]]) -> list[int]:
    """The group of each of `count` pictures: those that are connected by pairs, directly or not.

    Groups are numbered from 0 in the order of their first pictures.
    """
    above = list(range(count))

    def top(i: int) -> int:
        while above[i] != i:
            above[i] = above[above[i]]
            i = above[i]
        return i

    for i, j in pairs:
        first, second = sorted((top(i), top(j)))
        above[second] = first
    numbers: dict[int, int] = {}
    return [numbers.setdefault(top(i), len(numbers)) for i in range(count)]


def united(artists: Sequence[str], pairs: Iterable[Sequence[int]]) -> list[str]:
    """A name for each picture that all artists share whom pairs of pictures connect: the first."""
    first: dict[str, int] = {}
    same = [(first.setdefault(artist, i), i) for i, artist in enumerate(artists)]
    groups = connected(len(artists), [*same, *pairs])
    name_of: dict[int, str] = {}
    for group, artist in zip(groups, artists, strict=True):
        name_of[group] = min(artist, name_of.get(group, artist))
    return [name_of[group] for group in groups]


def split_by_picture(
    labels: Sequence[tuple[str, ...]], *, validation: float, test: float, rng: Generator
) -> list[str]:
    """A split for each picture, stratified over the combinations of labels.

    As `split_by_group` of single pictures: each combination gives its share of test pictures to
    within one picture, of the others to within two.
    """
    return split_by_group(labels, range(len(labels)), validation=validation, test=test, rng=rng)


def split_by_group(
    labels: Sequence[tuple[str, ...]],
    groups: Sequence[int],
    *,
    validation: float,
    test: float,
    rng: Generator,
) -> list[str]:
    """A split for each picture, the same for all of a group, stratified over label combinations.

    Groups are shuffled within each size and combination, and these laid end to end, the largest
    first; along that line test and then validation take every 1/share-th group (systematic
    sampling). So many groups of at least any size, and of each size and combination, come to the
    test as its share says, to within one: its pictures are their share to within the largest group.
    A group that is larger than a part is to be stays out of it. Every label keeps a training
    picture.

    groups: of each picture, numbered from 0.
    """
    members: list[list[int]] = [[] for _ in range(max(groups, default=-1) + 1)]
    for i, group in enumerate(groups):
        members[group].append(i)
    sizes = np.array([len(rows) for rows in members], dtype=np.int64)
    kinds = [(-len(rows), sorted(tuple(sorted(labels[i])) for i in rows)) for rows in members]
    order = _end_to_end([(size, tuple(combinations)) for size, combinations in kinds], rng)

    def drawn(groups: NDArray[np.int64], share: float, part: float) -> NDArray[np.int64]:
        fitting = groups[sizes[groups] <= max(1, part * len(labels))]
        return fitting[_systematic(len(fitting), share, rng)]

    splits = np.full(len(members), "train", dtype=object)
    splits[drawn(order, test, test)] = "test"
    rest = order[splits[order] != "test"]
    splits[drawn(rest, validation / (1 - test), validation)] = "validation"
    having = [{label for i in rows for label in labels[i]} for rows in members]
    trained = {label for group in order if splits[group] == "train" for label in having[group]}
    for group in order:
        if not trained.issuperset(having[group]):
            splits[group] = "train"
            trained.update(having[group])
    return [str(splits[group]) for group in groups]


def at_most(rows: NDArray[np.int64], most: int, rng: Generator) -> NDArray[np.int64]:
    """So many of them, drawn at random, in order; all where there are no more."""
    return np.sort(rng.choice(rows, most, replace=False)) if len(rows) > most else rows


def stratified_order(labels: Sequence[tuple[str, ...]], rng: Generator) -> NDArray[np.int64]:
    """Positions of the pictures, the combinations of labels end to end, shuffled within each."""
    return _end_to_end([tuple(sorted(row)) for row in labels], rng)


def _end_to_end(keys: Sequence[tuple[Any, ...]], rng: Generator) -> NDArray[np.int64]:
    """Positions, those of equal keys shuffled, in the order of the keys."""
    strata: dict[tuple[Any, ...], list[int]] = {}
    for index in rng.permutation(len(keys)):
        strata.setdefault(keys[index], []).append(int(index))
    return np.array([i for key in sorted(strata) for i in strata[key]], dtype=np.int64)


def _systematic(count: int, share: float, rng: Generator) -> NDArray[np.bool_]:
    taken = np.floor(np.arange(count + 1) * share + rng.random())
    steps: NDArray[np.bool_] = np.diff(taken) > 0
    return steps


def split_by_artist(
    labels: Sequence[tuple[str, ...]],
    artists: Sequence[str],
    *,
    validation: float,
    test: float,
    rng: Generator,
) -> list[str]:
    """A split for each picture, the same for all pictures of an artist.

    Of DRAWS random divisions of the artists, the one whose label counts come closest to the wanted
    shares: the least sum over splits and labels of (count - wanted)² / wanted. An artist who alone
    has a label stays in training; a division that leaves a label out of a split comes after all
    that do not, and one that leaves it untrained last.
    """
    classes = sorted({label for row in labels for label in row})
    names = sorted(set(artists))
    row_of = {name: i for i, name in enumerate(names)}
    column_of = {name: i for i, name in enumerate(classes)}
    pictures = np.zeros((len(names), len(classes)))
    sizes = np.zeros(len(names))
    for row, artist in zip(labels, artists, strict=True):
        sizes[row_of[artist]] += 1
        for label in row:
            pictures[row_of[artist], column_of[label]] += 1
    alone = np.isin(names, list(sole_artists(labels, artists)))
    shares = np.array([1 - validation - test, validation, test])
    wanted = shares[:, None] * pictures.sum(0)  # (3, C)
    best, least = np.zeros(len(names), dtype=np.int64), np.inf
    for _ in range(DRAWS):
        drawn = np.where(alone, 0, _divide(sizes, validation, test, rng))
        counts = np.stack([pictures[drawn == split].sum(0) for split in range(3)])
        distance = ((counts - wanted) ** 2 / np.maximum(wanted, 1)).sum()
        distance += len(artists) * ((counts == 0).sum() + len(artists) * (counts[0] == 0).sum())
        if distance < least:
            best, least = drawn, distance
    chosen = {name: SPLITS[split] for name, split in zip(names, best, strict=True)}
    return [chosen[artist] for artist in artists]


def sole_artists(labels: Sequence[tuple[str, ...]], artists: Sequence[str]) -> set[str]:
    """The artists who alone have some label: held out, they would leave it untrained."""
    having: dict[str, set[str]] = {}
    for row, artist in zip(labels, artists, strict=True):
        for label in row:
            having.setdefault(label, set()).add(artist)
    return {next(iter(names)) for names in having.values() if len(names) == 1}


def _divide(
    sizes: NDArray[np.float64], validation: float, test: float, rng: Generator
) -> NDArray[np.int64]:
    """Groups laid along a line in random order, cut at the shares: 0, 1, 2 as in SPLITS."""
    order = rng.permutation(len(sizes))
    middle = (np.cumsum(sizes[order]) - sizes[order] / 2) / sizes.sum()
    split = np.empty(len(sizes), dtype=np.int64)
    split[order] = np.where(middle < test, 2, np.where(middle < test + validation, 1, 0))
    return split

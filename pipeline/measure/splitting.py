"""Training, validation and test: seeded, stratified, by picture or by artist."""

from __future__ import annotations

from collections.abc import Sequence

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
) -> list[str]:
    """A split for each picture: by artist where `artists` are given, else by picture.

    What the source prescribes (`given`) stays; a part it lacks is drawn from its training pictures.
    """
    splits = [split or "train" for split in given]
    pool = [i for i, split in enumerate(splits) if split == "train"]
    shares = {
        "validation": 0.0 if "validation" in splits else validation,
        "test": 0.0 if "test" in splits else test,
    }
    pool_labels = [labels[i] for i in pool]
    if artists is None:
        drawn = split_by_picture(pool_labels, **shares, rng=rng)
    else:
        drawn = split_by_artist(pool_labels, [artists[i] for i in pool], **shares, rng=rng)
    for i, split in zip(pool, drawn, strict=True):
        splits[i] = split
    return splits


def split_by_picture(
    labels: Sequence[tuple[str, ...]], *, validation: float, test: float, rng: Generator
) -> list[str]:
    """A split for each picture, stratified over the combinations of labels.

    Pictures are shuffled within each combination and the combinations laid end to end; along that
    line test and then validation take every 1/share-th picture (systematic sampling), so each
    combination gives its share of test pictures to within one picture, of the others to within two.
    Every label keeps a training picture.
    """
    order = stratified_order(labels, rng)
    splits = np.full(len(labels), "train", dtype=object)
    is_test = _systematic(len(order), test, rng)
    splits[order[is_test]] = "test"
    rest = order[~is_test]
    splits[rest[_systematic(len(rest), validation / (1 - test), rng)]] = "validation"
    trained = {label for i in order if splits[i] == "train" for label in labels[i]}
    for i in order:
        if not trained.issuperset(labels[i]):
            splits[i] = "train"
            trained.update(labels[i])
    return [str(split) for split in splits]


def stratified_order(labels: Sequence[tuple[str, ...]], rng: Generator) -> NDArray[np.int64]:
    """Positions of the pictures, the combinations of labels end to end, shuffled within each."""
    strata: dict[tuple[str, ...], list[int]] = {}
    for index in rng.permutation(len(labels)):
        strata.setdefault(tuple(sorted(labels[index])), []).append(int(index))
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

"""Training, validation and test: seeded, stratified, by picture or by artist."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray


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
    line test and validation take every 1/share-th picture (systematic sampling), so each
    combination gives its share to within one picture. Every label keeps a training picture.
    """
    order = _stratified_order(labels, rng)
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


def _stratified_order(labels: Sequence[tuple[str, ...]], rng: Generator) -> NDArray[np.int64]:
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

    Artists are taken from the one with most pictures down, equal ones in random order; each goes
    where its labels are furthest below the wanted share (iterative stratification, Sechidis et al.
    2011, over groups). A label's first artist goes to training, so that it can be learned.
    """
    classes = sorted({label for row in labels for label in row})
    names = sorted(set(artists))
    counts = np.zeros((len(names), len(classes)))  # pictures
    for row, artist in zip(labels, artists, strict=True):
        for label in row:
            counts[names.index(artist), classes.index(label)] += 1
    shares = {"train": 1 - validation - test, "validation": validation, "test": test}
    wanted = {split: share * counts.sum(0) for split, share in shares.items() if share > 0}
    missing = {split: pictures.copy() for split, pictures in wanted.items()}
    shuffled = rng.permutation(len(names))
    chosen: dict[str, str] = {}
    trained = np.zeros(len(classes), dtype=bool)
    for i in shuffled[np.argsort(-counts[shuffled].sum(1), kind="stable")]:
        need = {split: float(missing[split] / wanted[split] @ counts[i]) for split in wanted}
        first = (counts[i] > 0) & ~trained
        split = "train" if first.any() else max(need, key=lambda name: need[name])
        trained |= first
        missing[split] -= counts[i]
        chosen[names[i]] = split
    return [chosen[artist] for artist in artists]

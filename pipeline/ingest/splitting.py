"""The split of the pictures that take part, as `ingest.split` says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from pipeline.core.console import counted
from pipeline.core.errors import UserError
from pipeline.ingest.params import Split
from pipeline.measure.splitting import SPLITS, assign_splits


def split_pictures(
    labels: Sequence[Sequence[str]],
    artists: Sequence[str | None],
    given: Sequence[str | None],
    params: Split,
    *,
    paths: Sequence[str],
    together: Iterable[Sequence[int]] = (),
) -> list[str]:
    """A split for each picture; pairs of positions in `together` are kept on one side.

    Errors: `UserError` when the split is by artist and one is unknown, or when it is to be `given`
    and the source does not prescribe it.
    """
    if params.by == "given":
        _check_given(given)
    by_artist = params.by == "artist"
    if by_artist and (unknown := [p for p, a in zip(paths, artists, strict=True) if a is None]):
        raise UserError(
            f"ingest.split.by is artist, but {len(unknown)} of {len(artists)} pictures have none, "
            f"such as {', '.join(unknown[:3])}: give all one by ingest.source, or split by picture"
        )
    return assign_splits(
        [tuple(row) for row in labels],
        [str(artist) for artist in artists] if by_artist else None,
        given,
        validation=params.validation,
        test=params.test,
        rng=np.random.default_rng(params.seed),
        together=together,
    )


def check_split(
    labels: Sequence[Sequence[str]],
    artists: Sequence[str | None],
    splits: Sequence[str],
    params: Split,
) -> None:
    """Errors: `UserError` where a part is empty, where a class has no training picture, where there
    is one class only."""
    for split in SPLITS:
        if split not in splits:
            found, advice = counted(len(labels), "picture"), "more pictures"
            if params.by == "artist":
                found += f" by {counted(len(set(artists)), 'artist')}"
                advice = "more artists in each class, or split by picture"
            raise UserError(
                f"the {split} split is empty ({found}): give {advice}, or a larger share in "
                "ingest.split"
            )
    rows = list(zip(labels, splits, strict=True))
    trained = {label for row, split in rows if split == "train" for label in row}
    classes = sorted({label for row in labels for label in row})
    if untrained := [label for label in classes if label not in trained]:
        raise UserError(f"the class {untrained[0]!r} has no training picture: move some to train/")
    if len(classes) < 2:
        raise UserError(f"only one class, {classes[0]!r}, is left: classification needs two")


def _check_given(given: Sequence[str | None]) -> None:
    """Every picture has a part, and there are training and test pictures."""
    advice = "let the source prescribe it (docs/pictures.md shows how), or split by picture"
    if open_ := list(given).count(None):
        raise UserError(
            f"ingest.split.by is given, but the source prescribes no split for {open_} of "
            f"{len(given)} pictures: {advice}"
        )
    if missing := [part for part in ("train", "test") if part not in given]:
        raise UserError(
            f"ingest.split.by is given, but the source prescribes no {missing[0]} part, only "
            f"{' and '.join(sorted({part for part in given if part}))}: {advice}"
        )


def artists_apart(artists: Sequence[str | None], splits: Sequence[str]) -> bool:
    """Whether every picture has an artist and no artist is on two sides of the split."""
    sides: dict[str, str] = {}
    return all(
        artist is not None and sides.setdefault(artist, split) == split
        for artist, split in zip(artists, splits, strict=True)
    )

"""Which of the usable pictures take part, and in which part of the split each is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import compress

from pipeline.ingest.copies import Copies, all_but_one, near_copies
from pipeline.ingest.corrections import Correction, relabelled, removed, to_draw_by
from pipeline.ingest.params import Ingest
from pipeline.ingest.screening import Accepted, Rejection, Screened
from pipeline.ingest.selection import select
from pipeline.ingest.splitting import check_split, split_pictures


@dataclass(frozen=True)
class Division:
    """What `divide` decided.

    pictures: those that take part; splits: of each; copies: near copies among them, None where
    there are too many pairs. split_of: image_id -> part, also of those that a correction takes out.
    left_out: how many each option of the selection leaves out; dropped: image_id -> why, of near
    copies.
    """

    pictures: list[Accepted]
    splits: list[str]
    copies: Copies | None
    split_of: Mapping[str, str]
    left_out: Mapping[str, int]
    dropped: Mapping[str, Rejection]


def divide(screened: Screened, corrections: Mapping[str, Correction], params: Ingest) -> Division:
    """Select, then drop near copies if that is asked for, then split.

    A correction moves no other picture to another part: the split is drawn by the source's labels,
    and pictures that are taken out leave their places empty. Errors: `UserError`.
    """
    places, left_out = select(relabelled(screened.accepted, corrections), params.select)
    copies, dropped = near_copies(places, params.audit), dict[str, Rejection]()
    taken_out = removed(corrections)
    there = [picture.image_id not in taken_out for picture in places]
    if copies is not None and params.split.near_duplicates == "drop":
        dropped = all_but_one([*compress(places, there)], copies.among(there))
        kept = [picture.image_id not in dropped for picture in places]
        copies, there = copies.among(kept), [*compress(there, kept)]
        places = [*compress(places, kept)]
    together = copies if params.split.near_duplicates == "keep_together" else None
    parts = split_pictures(
        to_draw_by(places, corrections),
        [picture.artist for picture in places],
        [picture.split for picture in places],
        params.split,
        paths=[picture.path for picture in places],
        together=() if together is None else together.pairs.tolist(),
    )
    pictures, splits = [*compress(places, there)], [*compress(parts, there)]
    check_split([p.labels for p in pictures], [p.artist for p in pictures], splits, params.split)
    return Division(
        pictures,
        splits,
        None if copies is None else copies.among(there),
        {picture.image_id: part for picture, part in zip(places, parts, strict=True)},
        left_out,
        dropped,
    )

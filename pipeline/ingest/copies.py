"""Near copies: pictures whose perceptual hashes differ in few bits, and what becomes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError
from pipeline.ingest.hashing import pairs_within
from pipeline.ingest.params import AuditParams
from pipeline.ingest.screening import Accepted, Rejection
from pipeline.measure.splitting import connected

# Pairs that look alike, in all and for each picture: more are no copies, but pictures that the hash
# cannot tell apart.
MOST_PAIRS, MOST_EACH = 100_000, 5


def most_pairs(count: int) -> int:
    """That so many pictures may have for their pairs to be told."""
    return min(MOST_PAIRS, MOST_EACH * count)


@dataclass(frozen=True)
class Copies:
    """pairs: (M, 2) positions of pictures, the lower first; distances: (M,) bits."""

    pairs: NDArray[np.int64]
    distances: NDArray[np.int64]

    def among(self, kept: Sequence[bool]) -> Copies:
        """Those of the pictures kept (N,), by their positions among these."""
        mask = np.asarray(kept, bool)
        both = mask[self.pairs].all(axis=1)
        place = np.cumsum(mask) - 1
        return Copies(place[self.pairs[both]], self.distances[both])


def near_copies(pictures: Sequence[Accepted], params: AuditParams) -> Copies | None:
    """All pairs within `params.near_duplicates` bits; None when there are too many."""
    if params.near_duplicates == "none":
        return Copies(np.empty((0, 2), np.int64), np.empty(0, np.int64))
    hashed = np.array([i for i, p in enumerate(pictures) if p.hash is not None], np.int64)
    codes = np.array([pictures[i].hash for i in hashed], dtype=np.uint64)
    found, complete = pairs_within(codes, params.near_duplicates, most=most_pairs(len(pictures)))
    if not complete:
        return None
    distances = np.bitwise_count(codes[found[:, 0]] ^ codes[found[:, 1]])
    return Copies(hashed[found], distances.astype(np.int64))


def all_but_one(pictures: Sequence[Accepted], copies: Copies) -> dict[str, Rejection]:
    """image_id -> why it is left out: of pictures that are connected by pairs the one with the most
    pixels is kept, of several the one whose image_id comes first. Those whose part of the split the
    source prescribes are not looked at.

    Errors: `UserError` where no picture of a class would be left.
    """
    drawn = [picture for picture in pictures if picture.split is None]
    pairs = copies.among([picture.split is None for picture in pictures]).pairs
    groups: dict[int, list[Accepted]] = {}
    for group, picture in zip(connected(len(drawn), pairs.tolist()), drawn, strict=True):
        groups.setdefault(group, []).append(picture)
    left_out: dict[str, Rejection] = {}
    for group_of in groups.values():
        kept, *others = sorted(group_of, key=lambda p: (-p.width * p.height, p.image_id))
        left_out |= {other.image_id: _near_copy(other, kept) for other in others}
    _check_classes(pictures, left_out)
    return left_out


def _near_copy(picture: Accepted, kept: Accepted) -> Rejection:
    labels = ""
    if set(picture.labels) != set(kept.labels):
        labels = f"; it is {', '.join(kept.labels)}, this one {', '.join(picture.labels)}"
    return Rejection(picture.path, "near duplicate", f"of {kept.path}{labels}")


def _check_classes(pictures: Sequence[Accepted], left_out: Mapping[str, Rejection]) -> None:
    there = {label for p in pictures for label in p.labels}
    left = {label for p in pictures if p.image_id not in left_out for label in p.labels}
    if lost := sorted(there - left):
        raise UserError(
            f"ingest.split.near_duplicates is drop, which leaves no picture of {lost[0]!r}: all "
            "are near copies of others; keep_together leaves none out"
        )

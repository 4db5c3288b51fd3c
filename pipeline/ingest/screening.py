"""Which pictures are used: each is known by its content, decoded once, and kept once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain

from pipeline.artifacts.examinations import Examination
from pipeline.compute.parallel import ordered_map, pieces
from pipeline.core.digests import digest
from pipeline.core.errors import UserError
from pipeline.ingest.examining import examination
from pipeline.ingest.sources.picture import Picture


@dataclass(frozen=True, slots=True)
class Accepted:
    """A picture that decodes, without its bytes.

    image_id: the first 16 hex digits of its bytes' SHA-256. path, labels, artist, split: as in
    `Picture`. width, height: pixels, as seen after the EXIF orientation. format, mode, unread_exif:
    as in `Examined`. hash: its perceptual hash, None where it is flat or none was asked for.
    """

    image_id: str
    path: str
    labels: tuple[str, ...]
    artist: str | None
    split: str | None
    width: int
    height: int
    format: str
    mode: str
    unread_exif: bool
    hash: int | None


@dataclass(frozen=True, slots=True)
class Rejection:
    """A picture that is not used.

    reason: "bad row", "unreadable", "too small", "duplicate", "label conflict", "removed" (by a
    person) or "near duplicate". across: it is a copy, and the source puts it and the picture that
    is kept into different parts of the split.
    """

    path: str
    reason: str
    detail: str
    across: bool = False


@dataclass(frozen=True)
class Screened:
    """What is used and what is not, whatever the order of the source.

    accepted: by image_id. rejections: by path. offered: pictures per label, rejected included.
    """

    accepted: list[Accepted]
    rejections: list[Rejection]
    offered: Counter[str]

    def without(self, left_out: Mapping[str, Rejection]) -> Screened:
        """With these pictures, by image_id, among the rejections."""
        return replace(
            self,
            accepted=[p for p in self.accepted if p.image_id not in left_out],
            rejections=_in_order([*self.rejections, *left_out.values()]),
        )

    def check(self, required: Collection[str]) -> None:
        """Raise `UserError` when there is no picture, or none left of a class in `required`."""
        if not self.offered:
            raise UserError("no pictures found: look at ingest.input and ingest.source")
        vanished = sorted(set(required) - {label for p in self.accepted for label in p.labels})
        if vanished:
            raise UserError(
                f"no usable picture is left of {', '.join(map(repr, vanished))} "
                f"({len(self.rejections)} are rejected): data/rejected.csv says why"
            )


@dataclass
class Screening:
    """Passes the bytes of pictures on and remembers the rest.

    max_pixels: above, a picture is not decoded. shortest_side: below, in pixels, it is too small.
    hashes: whether perceptual hashes are wanted. known: image_id -> what is known already of
    pictures that may come; these are not decoded. examined: the same of those that came.
    """

    max_pixels: int
    shortest_side: int = 0
    hashes: bool = True
    known: Mapping[str, Examination] = field(default_factory=dict)
    examined: dict[str, Examination] = field(default_factory=dict)
    _offered: Counter[str] = field(default_factory=Counter)
    _rejections: list[Rejection] = field(default_factory=list)
    _copies: dict[str, list[Accepted]] = field(default_factory=dict)  # by image_id

    def screen(self, pictures: Iterable[Picture]) -> Iterator[tuple[str, bytes]]:
        """image_id and bytes of each picture that can be used, when it comes for the first time."""
        found = ordered_map(
            lambda piece: [(picture, self._inspect(picture)) for picture in piece],
            pieces(pictures, size=lambda picture: len(picture.data)),
        )
        for picture, result in chain.from_iterable(found):
            self._offered.update(picture.labels)
            if isinstance(result, Rejection):
                self._rejections.append(result)
            elif result.image_id in self._copies:
                self._copies[result.image_id].append(result)
            else:
                self._copies[result.image_id] = [result]
                yield result.image_id, picture.data

    def _inspect(self, picture: Picture) -> Accepted | Rejection:
        if picture.fault is not None:
            return Rejection(picture.path, *picture.fault)
        image_id = digest(picture.data)
        found = self.known.get(image_id) or examination(
            picture.data, max_pixels=self.max_pixels, hashes=self.hashes
        )
        self.examined[image_id] = found
        if found.error is not None:
            return Rejection(picture.path, "unreadable", found.error)
        if min(found.width, found.height) < self.shortest_side:
            size = f"{found.width} x {found.height} pixels"
            detail = f"{size}, shortest_side is {self.shortest_side}"
            return Rejection(picture.path, "too small", detail)
        return Accepted(
            image_id=image_id,
            path=picture.path,
            labels=picture.labels,
            artist=picture.artist,
            split=picture.split,
            width=found.width,
            height=found.height,
            format=found.format,
            mode=found.mode,
            unread_exif=found.unread_exif,
            hash=found.hash,
        )

    def result(self) -> Screened:
        """What was found, after the last picture.

        Of copies with the same labels one is kept: in a split that the source prescribes the one in
        the test, else validation, then training; of these the one whose path comes first. Copies
        under different labels are all label conflicts.
        """
        accepted, rejections = [], list(self._rejections)
        for image_id in sorted(self._copies):
            copies = sorted(self._copies[image_id], key=_preference)
            if len({frozenset(copy.labels) for copy in copies}) == 1:
                accepted.append(copies[0])
                rejections += [_duplicate(copy, copies[0]) for copy in copies[1:]]
            else:
                rejections += [_conflict(copy, copies) for copy in copies]
        return Screened(accepted, _in_order(rejections), self._offered)


def _in_order(rejections: Iterable[Rejection]) -> list[Rejection]:
    return sorted(rejections, key=lambda r: (r.path, r.detail))


def _preference(copy: Accepted) -> tuple[int, str, str, tuple[str, ...]]:
    part = ("test", "validation", "train", None).index(copy.split)
    return part, copy.path, copy.artist or "", copy.labels


def _duplicate(copy: Accepted, kept: Accepted) -> Rejection:
    there, here = kept.split or "train", copy.split or "train"
    parts = "" if there == here else f"; it is in {there}, this one in {here}"
    return Rejection(copy.path, "duplicate", f"of {kept.path}{parts}", there != here)


def _conflict(copy: Accepted, copies: list[Accepted]) -> Rejection:
    others = (c for c in copies if set(c.labels) != set(copy.labels))
    other = min(others, key=lambda c: c.path)
    detail = f"{', '.join(copy.labels)}; as {', '.join(other.labels)} in {other.path}"
    return Rejection(copy.path, "label conflict", detail)

"""Which pictures are used: each is decoded once, known by its content, and kept once."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

from pipeline.errors import UserError
from pipeline.images import PictureError, decode_rgb
from pipeline.parallel import ordered_map
from pipeline.sources.picture import Picture


@dataclass(frozen=True)
class Accepted:
    """A picture that decodes. image_id: the first 16 hex digits of its bytes' SHA-256."""

    picture: Picture
    image_id: str
    width: int  # pixels, as seen after the EXIF orientation
    height: int


@dataclass(frozen=True)
class Rejection:
    """A picture that is not used. reason: "unreadable", "duplicate" or "label conflict"."""

    path: str
    reason: str
    detail: str


@dataclass
class Screening:
    """Passes pictures on and remembers what it rejected.

    A copy of a picture with the same labels is dropped. Under other labels both the copy and the
    original are label conflicts; as the original has then been passed on, `conflicting` names the
    image_ids to leave out in the end.
    """

    max_pixels: int
    rejections: list[Rejection] = field(default_factory=list)
    conflicting: set[str] = field(default_factory=set)
    offered: Counter[str] = field(default_factory=Counter)  # pictures per label, rejected included
    _first: dict[str, Picture] = field(default_factory=dict)  # image_id -> its first copy, no data

    def screen(self, pictures: Iterable[Picture]) -> Iterator[Accepted]:
        """The pictures to keep, in order, but for `conflicting`."""
        inspect = partial(_inspect, max_pixels=self.max_pixels)
        for picture, result in ordered_map(inspect, pictures):
            self.offered.update(picture.labels)
            if isinstance(result, Rejection):
                self.rejections.append(result)
            elif first := self._first.get(result.image_id):
                self._copy(picture, first, result.image_id)
            else:
                self._first[result.image_id] = Picture(b"", picture.path, picture.labels)
                yield result

    def _copy(self, picture: Picture, first: Picture, image_id: str) -> None:
        if set(picture.labels) == set(first.labels):
            self.rejections.append(Rejection(picture.path, "duplicate", f"of {first.path}"))
            return
        for one, other in [(picture, first), (first, picture)]:
            if one is picture or image_id not in self.conflicting:
                detail = f"{', '.join(one.labels)}; as {', '.join(other.labels)} in {other.path}"
                self.rejections.append(Rejection(one.path, "label conflict", detail))
        self.conflicting.add(image_id)

    def check(self) -> None:
        """Raise `UserError` when no picture, one class only, or not every class is left."""
        first = self._first.items()
        kept = {label for i, p in first if i not in self.conflicting for label in p.labels}
        if not self.offered:
            raise UserError("no pictures found: put them into the class folders of ingest.input")
        vanished = sorted(set(self.offered) - set(kept))
        if vanished:
            raise UserError(
                f"no usable picture is left of {', '.join(map(repr, vanished))} "
                f"({self.offered[vanished[0]]} rejected): data/rejected.csv says why"
            )
        if len(kept) < 2:
            raise UserError(f"only one class, {next(iter(kept))!r}: classification needs two")


def _inspect(picture: Picture, *, max_pixels: int) -> tuple[Picture, Accepted | Rejection]:
    try:
        image = decode_rgb(picture.data, max_pixels=max_pixels)
    except PictureError as error:
        return picture, Rejection(picture.path, "unreadable", str(error))
    image_id = hashlib.sha256(picture.data).hexdigest()[:16]
    return picture, Accepted(picture, image_id, image.width, image.height)

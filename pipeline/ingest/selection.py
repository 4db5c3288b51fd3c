"""Which of the usable pictures take part, as `ingest.select` says."""

from __future__ import annotations

import difflib
import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace

from pipeline.core.console import counted
from pipeline.core.errors import UserError
from pipeline.ingest.params import Select
from pipeline.ingest.screening import Accepted


def required_classes(offered: Collection[str], params: Select) -> set[str]:
    """The classes that must have a usable picture.

    Errors: `UserError` for a name in `params.classes` that no picture of the source has.
    """
    wanted = set(offered if params.classes == "all" else params.classes)
    if offered and (unknown := sorted(wanted - set(offered))):
        close = difflib.get_close_matches(unknown[0], offered, n=5, cutoff=0.0)
        raise UserError(
            f"ingest.select.classes names {unknown[0]!r}, which is none of the source's "
            f"{len(offered)} classes: the closest are {', '.join(map(repr, close))}"
        )
    return wanted if params.least_per_class == "none" else set()  # which may leave out any class


def select(pictures: Sequence[Accepted], params: Select) -> tuple[list[Accepted], Counter[str]]:
    """The pictures that take part, in their order, and how many each option leaves out.

    First the classes are chosen: a picture of several classes loses those that are not, and is left
    out when it has no other. Then pictures are drawn by a hash of seed and image_id, hence whatever
    their order. A class limit is never exceeded: a picture of several classes counts for each, and
    is left out when one of them is full, so that a class may stay below the limit. With `balance`,
    `sample` is shared out between the classes.

    Errors: `UserError` when fewer than two classes, or no picture of a class, would be left.
    """
    left_out: Counter[str] = Counter()
    if params.classes != "all":
        pictures = _of_classes(pictures, set(params.classes), "classes", left_out)
    if params.least_per_class != "none":
        counts = _counts(pictures)
        large = {label for label, count in counts.items() if count >= params.least_per_class}
        if not large:
            raise UserError(
                f"ingest.select.least_per_class is {params.least_per_class}, but no class has more "
                f"than {counted(max(counts.values(), default=0), 'usable picture')}: lower it"
            )
        pictures = _of_classes(pictures, large, "least_per_class", left_out)
    classes = set(_counts(pictures))
    if len(classes) < 2:
        raise UserError(f"only one class, {min(classes)!r}: classification needs two")
    chosen = _drawn(pictures, params, left_out)
    if lost := sorted(classes - set(_counts(chosen))):
        raise UserError(
            f"ingest.select leaves no picture of {lost[0]!r}, one of {len(classes)} classes: raise "
            "per_class or sample, or leave the class out of classes"
        )
    return chosen, +left_out


def _of_classes(
    pictures: Sequence[Accepted], classes: set[str], option: str, left_out: Counter[str]
) -> list[Accepted]:
    kept = []
    for picture in pictures:
        labels = tuple(label for label in picture.labels if label in classes)
        if labels == picture.labels:
            kept.append(picture)
        elif labels:
            kept.append(replace(picture, labels=labels))
    left_out[option] += len(pictures) - len(kept)
    return kept


def _drawn(pictures: Sequence[Accepted], params: Select, left_out: Counter[str]) -> list[Accepted]:
    """The pictures within the limits of each class and of all."""
    option, limit = "per_class", len(pictures)
    if params.per_class != "none":
        limit = params.per_class
    if params.balance:
        option, counts = "balance", _counts(pictures)
        limit = min(limit, *counts.values())
        if params.sample != "none":
            limit = min(limit, params.sample // len(counts))
    drawn = sorted(pictures, key=lambda picture: _lot(picture.image_id, params.seed))
    taken: Counter[str] = Counter()
    chosen: list[Accepted] = []
    for picture in drawn:
        if all(taken[label] < limit for label in picture.labels):
            taken.update(picture.labels)
            chosen.append(picture)
    left_out[option] += len(pictures) - len(chosen)
    if params.sample != "none":
        left_out["sample"] += max(0, len(chosen) - params.sample)
        chosen = chosen[: params.sample]
    ids = {picture.image_id for picture in chosen}
    return [picture for picture in pictures if picture.image_id in ids]


def _counts(pictures: Sequence[Accepted]) -> Counter[str]:
    return Counter(label for picture in pictures for label in picture.labels)


def _lot(image_id: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed} {image_id}".encode()).digest()

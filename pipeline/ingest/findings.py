"""What an audit can find: each finding says what it means and where it is.

To add a check is to add a function, and to put it into `CHECKS`.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.ingest.screening import Accepted, Rejection

TO_LEARN, TO_TEST = 10, 5  # pictures of a class; with fewer, little is learnt or told
EMPTY = ("nan", "none", "null", "n/a", "na", "#n/a", "<na>", "nat", "undefined", "-", "?")
EXAMPLES = 20  # rows of a finding in its summary

Row = dict[str, Any]  # column -> value


@dataclass(frozen=True)
class Finding:
    """Something to know. rows: where it is; count: how often, which may be more than the rows."""

    name: str
    title: str
    meaning: str
    rows: list[Row]
    count: int

    def summary(self) -> Row:
        """As in reports/audit.json."""
        return {
            "name": self.name,
            "title": self.title,
            "count": self.count,
            "meaning": self.meaning,
            "examples": self.rows[:EXAMPLES],
        }


@dataclass(frozen=True, slots=True)
class Pair:
    """Two pictures that look alike. distance: of their perceptual hashes, in bits."""

    one: Accepted
    other: Accepted
    split: str
    other_split: str
    distance: int

    @property
    def leak(self) -> bool:
        """Whether one is in the test and the other is not."""
        return (self.split == "test") != (self.other_split == "test")

    @property
    def learnt(self) -> bool:
        """Whether one is in the test and the other in training, under the same labels."""
        return {self.split, self.other_split} == {"test", "train"} and self.same_labels

    @property
    def same_labels(self) -> bool:
        """Whether both have the same labels, in whatever order."""
        return set(self.one.labels) == set(self.other.labels)

    def row(self) -> Row:
        return {
            "path": self.one.path,
            "other_path": self.other.path,
            "distance": self.distance,
            "split": self.split,
            "other_split": self.other_split,
            "labels": ", ".join(self.one.labels),
            "other_labels": ", ".join(self.other.labels),
        }


@dataclass(frozen=True)
class Audited:
    """What a check looks at.

    pictures: those that take part; splits: of each; rejections: those that do not. distance: bits
    in which the hashes of near copies may differ, None where these are not sought; pairs: those
    found, None where there are more than `most_pairs`. counts: as in `Audit.tables`.
    """

    pictures: Sequence[Accepted]
    splits: Sequence[str]
    rejections: Sequence[Rejection]
    distance: int | None
    pairs: Sequence[Pair] | None
    most_pairs: int
    counts: pd.DataFrame


def _finding(name: str, title: str, meaning: str, rows: list[Row]) -> Finding:
    return Finding(name, title, meaning, rows, len(rows))


def rejected(examined: Audited) -> Iterator[Finding]:
    """The pictures that are not used, by reason."""
    rejections = examined.rejections

    def of(reason: str, title: str, meaning: str) -> Finding:
        rows = [{"path": r.path, "detail": r.detail} for r in rejections if r.reason == reason]
        return _finding(reason.replace(" ", "_"), title, meaning, rows)

    yield of("bad row", "Rows that cannot be used", "Their pictures are left out.")
    yield of("unreadable", "Files that cannot be decoded", "They are not used.")
    yield of("too small", "Pictures with too short a side", "They are not used.")
    yield of("duplicate", "Exact copies", "One of each is kept, so that none counts twice.")
    yield _finding(
        "duplicate_across",
        "Exact copies across the given split",
        "The one in the test is kept, or else in validation, as the accuracy would count what was "
        "learnt by heart.",
        [{"path": r.path, "detail": r.detail} for r in rejections if r.across],
    )
    yield of("near duplicate", "Near copies left out", "The largest picture of each is kept.")
    yield of(
        "label conflict",
        "Exact copies under different labels",
        "None of them is used, since it is not known which label is right.",
    )


def near_copies(examined: Audited) -> Iterator[Finding]:
    """Pictures that look alike, by where they are."""
    if (pairs := examined.pairs) is None:
        yield _too_alike(examined)
        return

    def of(name: str, title: str, meaning: str, chosen: list[Pair]) -> Finding:
        return _finding(name, title, meaning, [pair.row() for pair in chosen])

    leaks = [pair for pair in pairs if pair.leak]
    yield of(
        "leak",
        "Near copies in the test and outside it",
        f"{_known(examined, leaks, 'test')} {_held_out(leaks)}",
        leaks,
    )
    across = [pair for pair in pairs if pair.split != pair.other_split and not pair.leak]
    yield of(
        "near_duplicate_across",
        "Near copies in training and validation",
        f"{_known(examined, across, 'validation')} The best run is chosen by it.",
        across,
    )
    yield of(
        "near_duplicate_within",
        "Near copies within one part of the split",
        "They count more than once, in training or in a score.",
        [pair for pair in pairs if pair.split == pair.other_split],
    )
    yield of(
        "near_duplicate_relabelled",
        "Near copies under different labels",
        "One of the labels may be wrong.",
        [pair for pair in pairs if not pair.same_labels],
    )


def _known(examined: Audited, pairs: Sequence[Pair], split: str) -> str:
    """How many pictures of `split` have copies in training, and how far these move its accuracy.

    A picture may be right by a copy with its labels; by one with others alone it may be wrong.
    """
    same, other = map(len, _with_copies(pairs, split, "train"))
    total = list(examined.splits).count(split)
    return (
        f"Of {total} {split} pictures {same} have one in training under the same labels, which "
        f"may make the accuracy up to {_points(same, total)} points too high, and {other} only "
        f"under others, up to {_points(other, total)} points too low."
    )


def _held_out(leaks: Sequence[Pair]) -> str:
    """How many test pictures have copies in validation alone."""
    found = leaked(leaks)["validation"]
    return (
        f"In validation alone, from which no run learns, {found['same_labels']} have one under the "
        f"same labels and {found['other_labels']} only under others."
    )


def leaked(pairs: Sequence[Pair]) -> dict[str, dict[str, int]]:
    """How many test pictures have near copies in "train", and in "validation" alone: of each
    "same_labels", with one under the same labels, and "other_labels", only under others."""
    counts: dict[str, dict[str, int]] = {}
    known: set[str] = set()
    for there in ("train", "validation"):
        same, other = (ids - known for ids in _with_copies(pairs, "test", there))
        counts[there] = {"same_labels": len(same), "other_labels": len(other)}
        known = same | other
    return counts


def _with_copies(pairs: Sequence[Pair], split: str, there: str) -> tuple[set[str], set[str]]:
    """The image_id of the pictures of `split` with copies in the part `there`: those with one under
    the same labels, and those with copies under others only."""
    ids: dict[bool, set[str]] = {True: set(), False: set()}
    for pair in pairs:
        if {pair.split, pair.other_split} == {split, there}:
            ids[pair.same_labels].add((pair.one if pair.split == split else pair.other).image_id)
    return ids[True], ids[False] - ids[True]


def known_tests(pairs: Sequence[Pair]) -> list[str]:
    """The image_id of the test pictures that have a near copy in training, in order."""
    same, other = _with_copies(pairs, "test", "train")
    return sorted(same | other)


def _points(count: int, total: int) -> float:
    """A share in percentage points, rounded up to a tenth, as it is a bound."""
    return math.ceil(1000 * count / total) / 10 if count else 0.0


def _too_alike(examined: Audited) -> Finding:
    """Instead of the pairs, where so many are no copies."""
    return Finding(
        "too_alike",
        f"Pairs of pictures within {examined.distance} bits, at least",
        "So many are no copies but pictures that differ in details only; which are copies cannot "
        "be told, so none are kept together or left out. Lower ingest.audit.near_duplicates, or "
        "set it to none.",
        [],
        examined.most_pairs,
    )


def single_pictures(examined: Audited) -> Iterator[Finding]:
    """What single pictures have."""
    pictures = examined.pictures

    def of(name: str, title: str, meaning: str, chosen: list[Accepted]) -> Finding:
        rows = [{"path": p.path, "format": p.format, "mode": p.mode} for p in chosen]
        return _finding(name, title, meaning, sorted(rows, key=lambda row: str(row["path"])))

    yield of(
        "flat",
        "Pictures without contrast",
        "There is nothing to see in them, and their near copies cannot be found.",
        [p for p in pictures if examined.distance is not None and p.hash is None],
    )
    yield of(
        "mode",
        "Pictures stored neither as grey nor as RGB",
        "They are converted. If one class alone has them, that may give it away.",
        [p for p in pictures if p.mode not in ("L", "RGB")],
    )
    yield of(
        "exif",
        "EXIF blocks in which no tag can be read",
        "If one held the orientation, the picture lies on its side.",
        [p for p in pictures if p.unread_exif],
    )


def small_classes(examined: Audited) -> Iterator[Finding]:
    """Classes with few pictures."""
    counts = examined.counts
    classes = counts[counts["of"] == "classes"]
    yield _finding(
        "small_to_learn",
        f"Classes with fewer than {TO_LEARN} training pictures",
        "They are hardly learnt.",
        _rows(classes[classes["train"] < TO_LEARN]),
    )
    yield _finding(
        "small_to_test",
        f"Classes with fewer than {TO_TEST} test pictures",
        f"One picture moves their recall by more than {100 // TO_TEST} points; without any they "
        "cannot be scored.",
        _rows(classes[classes["test"] < TO_TEST]),
    )


def class_names(examined: Audited) -> Iterator[Finding]:
    """Names that may be mistakes of the table or the folders."""
    counts = examined.counts
    classes = counts[counts["of"] == "classes"]
    plain = classes["name"].map(_plain)
    yield _finding(
        "alike_names",
        "Classes whose names differ in capitals, spaces or punctuation only",
        "They may be one class; a table that was written twice has 1 and 1.0.",
        _rows(classes[plain.duplicated(keep=False)]),
    )
    yield _finding(
        "decimal_names",
        "Classes named by whole numbers with a point",
        "pandas writes 3 as 3.0 in a column in which a value is missing.",
        _rows(classes[classes["name"].str.fullmatch(r"-?\d+\.0+")]),
    )
    yield _finding(
        "empty_names",
        "Classes whose names say that there is none",
        "They may be missing values that became a text.",
        _rows(classes[classes["name"].str.lower().isin(EMPTY)]),
    )


def _plain(name: str) -> str:
    """What names that are alike share."""
    words = unicodedata.normalize("NFKC", name).casefold()
    return re.sub(r"[\W_]+", "", re.sub(r"\.0+$", "", words)) or name


def artists(examined: Audited) -> Iterator[Finding]:
    """Those that may be one, and those in the test and outside it."""
    counts = examined.counts
    named = counts[counts["of"] == "artists"]
    yield _finding(
        "alike_artists",
        "Artists whose names differ in capitals, accents, punctuation or the order of words only",
        "They may be one, as Family, Given and Given Family are; the split takes them for several.",
        _rows(named[named["name"].map(_words).duplicated(keep=False)]),
    )
    both = named[(named["test"] > 0) & (named["train"] + named["validation"] > 0)]
    yield _finding(
        "artists_on_both_sides",
        "Artists in the test and outside it",
        "An artist's pictures resemble each other, so the accuracy is that for artists known from "
        "training; for new ones it is usually lower, which ingest.split.by: artist shows.",
        _rows(both),
    )


def _words(name: str) -> tuple[str, ...]:
    """What the names of one person share, however they are written."""
    letters = unicodedata.normalize("NFKD", name.casefold())
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return tuple(sorted(re.findall(r"[^\W_]+", plain))) or (name,)


def _rows(counts: pd.DataFrame) -> list[Row]:
    rows = counts.drop(columns="of").to_dict("records")
    return [{str(column): value for column, value in row.items()} for row in rows]


# In the order of the summary.
CHECKS: tuple[Callable[[Audited], Iterator[Finding]], ...] = (
    rejected,
    near_copies,
    single_pictures,
    small_classes,
    class_names,
    artists,
)

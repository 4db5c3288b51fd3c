"""Corrections: labels that a person changed, pictures taken out, labels found right."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from pipeline.artifacts.corrections import ACTIONS, COLUMNS, PATH, SEPARATOR
from pipeline.core.errors import UserError
from pipeline.ingest.screening import Accepted, Rejection
from pipeline.ingest.sources.columns import check_columns, to_labels
from pipeline.ingest.sources.tabular import open_table
from pipeline.ingest.sources.tree import FolderTree
from pipeline.measure.splitting import SPLITS


@dataclass(frozen=True)
class Row:
    """A row of data/corrections.csv, its cells as they stand. where: as a message names it."""

    where: str
    image_id: str
    path: str
    given: str
    action: str
    label: str


@dataclass(frozen=True)
class Correction:
    """What is decided about a usable picture.

    where: the row that says so. action: one of ACTIONS; to give the labels that it has is to keep
    them. given: its labels in the source; labels: those that it has from now on.
    """

    where: str
    image_id: str
    path: str
    action: str
    given: tuple[str, ...]
    labels: tuple[str, ...]

    def cells(self) -> dict[str, str]:
        """As COLUMNS, to be written again."""
        label = SEPARATOR.join(self.labels) if self.action == "relabel" else ""
        values = (self.image_id, self.path, SEPARATOR.join(self.given), self.action, label)
        return dict(zip(COLUMNS, values, strict=True))


def read_corrections() -> list[Row]:
    """The rows of data/corrections.csv, none where it is not there.

    Errors: `UserError` for what is no such table, an action that is none, a relabelling without a
    label, another action with one.
    """
    if not PATH.exists():
        return []
    with open_table(PATH.name, [FolderTree(PATH.parent)], key="ingest") as table:
        check_columns(COLUMNS, table.columns, where=table.where)
        rows = [
            Row(f"row {number} of {table.where}", *(str(row[name]).strip() for name in COLUMNS))
            for number, row in enumerate(table.rows(COLUMNS), start=1)
        ]
    for row in rows:
        if row.action not in ACTIONS:
            raise UserError(
                f"{row.where} has the action {row.action!r}: it is {', '.join(ACTIONS[:-1])} or "
                f"{ACTIONS[-1]}"
            )
        if row.action == "relabel" and not row.label:
            raise UserError(
                f"{row.where} relabels without a label: give one, or several parted by {SEPARATOR}"
            )
        if row.action != "relabel" and row.label:
            raise UserError(
                f"{row.where} has the action {row.action} and the label {row.label!r}: leave the "
                "label empty, or make the action relabel"
            )
    return rows


def match(rows: Sequence[Row], pictures: Sequence[Accepted]) -> dict[str, Correction]:
    """image_id -> what the row about this picture decides.

    A row names its picture by image_id or, where that is empty, by path. Errors: `UserError` for a
    row that names none of `pictures`, a label that none of them has, a label that was given and is
    no longer, two rows that do not agree.
    """
    by_id = {picture.image_id: picture for picture in pictures}
    by_path = {picture.path: picture for picture in pictures}
    classes = {label for picture in pictures for label in picture.labels}
    found: dict[str, Correction] = {}
    for row in rows:
        picture = by_id.get(row.image_id) if row.image_id else by_path.get(row.path)
        if picture is None:
            named = " and ".join(repr(name) for name in (row.image_id, row.path) if name)
            raise UserError(
                f"{row.where} names {named or 'no picture'}, none of the {len(pictures)} usable "
                "pictures: give image_id or path of one, or take the row out"
            )
        correction = _correction(row, picture, classes)
        other = found.setdefault(picture.image_id, correction)
        if (other.action, set(other.labels)) != (correction.action, set(correction.labels)):
            raise UserError(
                f"{other.where} and {row.where.partition(' of ')[0]} do not agree about "
                f"{picture.path!r}: keep one"
            )
    return found


def _correction(row: Row, picture: Accepted, classes: Collection[str]) -> Correction:
    labels = _labels(row, classes) if row.action == "relabel" else picture.labels
    same = set(labels) == set(picture.labels)
    given = {row.given} if row.given in picture.labels else set(row.given.split(SEPARATOR)) - {""}
    settled = row.action == "remove" or (row.action == "relabel" and same)
    if not settled and not given <= set(picture.labels):
        raise UserError(
            f"{row.where} was written when {picture.path!r} was labelled {row.given!r}; the source "
            f"says {SEPARATOR.join(picture.labels)!r} now: look again, and write that as given"
        )
    action = "keep" if row.action == "relabel" and same else row.action
    return Correction(row.where, picture.image_id, picture.path, action, picture.labels, labels)


def _labels(row: Row, classes: Collection[str]) -> tuple[str, ...]:
    """What the cell says: one class, or several parted by SEPARATOR."""
    if row.label in classes:
        return (row.label,)
    try:
        labels = to_labels(row.label, SEPARATOR)
    except ValueError as error:
        raise UserError(f"{row.where} {error}") from None
    if unknown := [label for label in labels if label not in classes]:
        close = difflib.get_close_matches(unknown[0], classes, n=5, cutoff=0.0)
        raise UserError(
            f"{row.where} has the label {unknown[0]!r}, none of the {len(classes)} classes: the "
            f"closest are {', '.join(map(repr, close))}"
        )
    return labels


def relabelled(
    pictures: Sequence[Accepted], corrections: Mapping[str, Correction]
) -> list[Accepted]:
    """The pictures with the labels that they have from now on."""
    return [
        replace(picture, labels=corrections[picture.image_id].labels)
        if picture.image_id in corrections
        else picture
        for picture in pictures
    ]


def removed(corrections: Mapping[str, Correction]) -> dict[str, Rejection]:
    """image_id -> why it is left out, of the pictures that are taken out."""
    return {
        image_id: Rejection(correction.path, "removed", f"by {correction.where}")
        for image_id, correction in corrections.items()
        if correction.action == "remove"
    }


def to_draw_by(
    pictures: Sequence[Accepted], corrections: Mapping[str, Correction]
) -> list[tuple[str, ...]]:
    """The labels of each by which the split is drawn: those of the source, so that a correction
    moves no other picture; corrected where the source's do not take part."""
    classes = {label for picture in pictures for label in picture.labels}
    drawn = []
    for picture in pictures:
        correction = corrections.get(picture.image_id)
        given = correction.given if correction else picture.labels
        drawn.append(given if classes.issuperset(given) else picture.labels)
    return drawn


@dataclass(frozen=True)
class Applied:
    """What the audit says of the corrections.

    summary: applied, the counts by action and part of the split; left_out, of pictures that take no
    part; rows, as in data/corrections.csv. table: these rows, with the split of each.
    """

    summary: dict[str, Any]
    table: pd.DataFrame


def applied(corrections: Mapping[str, Correction], split_of: Mapping[str, str]) -> Applied:
    """split_of: image_id -> part of the split, of the pictures that take part or would, were they
    not taken out."""
    rows = [
        {**correction.cells(), "split": split_of.get(correction.image_id, "")}
        for correction in sorted(corrections.values(), key=lambda c: c.path)
    ]
    counts = Counter((row["action"], row["split"]) for row in rows)
    return Applied(
        summary={
            "applied": {
                action: {split: counts[action, split] for split in SPLITS} for action in ACTIONS
            },
            "left_out": sum(not row["split"] for row in rows),
            "rows": [{name: row[name] for name in COLUMNS} for row in rows],
        },
        table=pd.DataFrame(rows, columns=[*COLUMNS, "split"]),
    )

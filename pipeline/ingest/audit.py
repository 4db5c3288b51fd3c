"""What is wrong with the pictures, found before a metric tells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pipeline.core.errors import UserError
from pipeline.ingest import findings
from pipeline.ingest.copies import Copies, most_pairs
from pipeline.ingest.corrections import Applied
from pipeline.ingest.division import Division
from pipeline.ingest.findings import Audited, Finding, Pair, known_tests, leaked
from pipeline.ingest.params import AuditParams
from pipeline.ingest.screening import Accepted, Rejection
from pipeline.measure.splitting import SPLITS

PAIR_COLUMNS = (
    "path", "other_path", "distance", "split", "other_split", "labels", "other_labels",
)  # fmt: skip


@dataclass(frozen=True)
class Audit:
    """What `audit_pictures` found.

    summary: what reports/audit.json says. tables: name of a CSV file -> its table. pairs: pictures
    that look alike, the closest first, or None when there are too many.
    """

    summary: dict[str, Any]
    tables: dict[str, pd.DataFrame]
    pairs: list[Pair] | None

    def check(self, params: AuditParams) -> None:
        """Raise `UserError` when test pictures have copies in training under the same labels, and
        `params` do not allow it."""
        if params.leakage == "list":
            return
        if self.pairs is None:
            raise UserError(
                "ingest.audit.leakage is error, but too many pairs of pictures to be copies are "
                f"within {params.near_duplicates} bits: lower ingest.audit.near_duplicates, or set "
                "leakage: list"
            )
        if learnt := [pair for pair in self.pairs if pair.learnt]:
            known, held_out = leaked(self.pairs).values()
            first = "; ".join(
                f"{p.one.path} ({p.split}) and {p.other.path} ({p.other_split})" for p in learnt[:3]
            )
            raise UserError(
                f"ingest.audit.leakage is error, found {known['same_labels']} of "
                f"{self.summary['splits']['test']} test pictures with near copies in training "
                f"under the same labels: {first}{'; …' if learnt[3:] else ''} (no error: "
                f"{known['other_labels']} with copies there only under others, "
                f"{sum(held_out.values())} in validation alone); remove one of each or set "
                "leakage: list; reports/audit/near_duplicates.csv has all"
            )


def audit_pictures(
    division: Division, rejections: Sequence[Rejection], corrected: Applied, params: AuditParams
) -> Audit:
    """Look at the pictures that take part and at those that do not."""
    pictures, splits, copies = division.pictures, division.splits, division.copies
    pairs = None if copies is None else near_pairs(pictures, splits, copies)
    counts = count(pictures, splits)
    examined = Audited(
        pictures,
        splits,
        rejections,
        distance=None if params.near_duplicates == "none" else params.near_duplicates,
        pairs=pairs,
        most_pairs=most_pairs(len(pictures)),
        counts=counts,
    )
    found = {check: list(check(examined)) for check in findings.CHECKS}
    return Audit(
        summary={
            "pictures": len(pictures),
            "splits": {split: list(splits).count(split) for split in SPLITS},
            **{
                of: counts[counts["of"] == of].set_index("name")[list(SPLITS)].to_dict("index")
                for of in ("classes", "artists", "formats", "modes")
            },
            "width": _range([picture.width for picture in pictures]),
            "height": _range([picture.height for picture in pictures]),
            "rejected": dict(sorted(Counter(r.reason for r in rejections).items())),
            "left_out": dict(division.left_out),
            "corrections": corrected.summary,
            "near_duplicates": None if pairs is None else _where(pairs),
            "known_tests": None if pairs is None else known_tests(pairs),
            "findings": [f.summary() for some in found.values() for f in some if f.count],
        },
        tables={
            "counts": counts,
            "near_duplicates": pd.DataFrame(
                [pair.row() for pair in pairs or []], columns=PAIR_COLUMNS
            ),
            "pictures": _odd_pictures(found[findings.single_pictures]),
            "corrections": corrected.table,
        },
        pairs=pairs,
    )


def _odd_pictures(found: Sequence[Finding]) -> pd.DataFrame:
    """The rows of what single pictures have, each with its finding's name."""
    rows = [{"finding": finding.name, **row} for finding in found for row in finding.rows]
    return pd.DataFrame(rows, columns=["finding", "path", "format", "mode"])


def near_pairs(pictures: Sequence[Accepted], splits: Sequence[str], copies: Copies) -> list[Pair]:
    """The pairs of near copies, the closest first."""
    pairs = []
    for places, distance in zip(copies.pairs.tolist(), copies.distances.tolist(), strict=True):
        i, j = sorted(places, key=lambda i: pictures[i].path)
        pairs.append(Pair(pictures[i], pictures[j], splits[i], splits[j], distance))
    return sorted(pairs, key=lambda pair: (pair.distance, pair.one.path, pair.other.path))


def count(pictures: Sequence[Accepted], splits: Sequence[str]) -> pd.DataFrame:
    """Columns of (classes, artists, formats or modes), name, train, validation, test: pictures."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for picture, split in zip(pictures, splits, strict=True):
        counts.update(("classes", label, split) for label in picture.labels)
        if picture.artist is not None:
            counts["artists", picture.artist, split] += 1
        counts["formats", picture.format, split] += 1
        counts["modes", picture.mode, split] += 1
    rows = [
        (of, name, *(counts[of, name, split] for split in SPLITS))
        for of, name in sorted({key[:2] for key in counts})
    ]
    return pd.DataFrame(rows, columns=["of", "name", *SPLITS])


def _where(pairs: Sequence[Pair]) -> dict[str, Any]:
    """Pairs within one part of the split and across two; leaks: test pictures, as in `leaked`."""
    within = sum(pair.split == pair.other_split for pair in pairs)
    return {
        "within": within, "across": len(pairs) - within, "leaks": leaked(pairs),
    }  # fmt: skip


def _range(sides: list[int]) -> dict[str, int]:
    """In pixels."""
    return {"least": min(sides), "median": int(np.median(sides)), "most": max(sides)}

"""Stage ingest: ingest.input, corrections -> data/images, data/rejected.csv, reports/audit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import imagehash
import pyarrow as pa
import scipy

from pipeline.artifacts import audits, examinations, images
from pipeline.artifacts.examinations import kept_examinations, write_examinations
from pipeline.artifacts.images import images_schema
from pipeline.compute import formats, pictures
from pipeline.compute.parallel import pieces
from pipeline.core.console import counted, on_one_line, progress
from pipeline.core.digests import code_digest
from pipeline.core.parquet import write_shards
from pipeline.ingest import examining, hashing
from pipeline.ingest.audit import Audit, audit_pictures
from pipeline.ingest.corrections import applied, match, read_corrections, removed
from pipeline.ingest.division import divide
from pipeline.ingest.params import Ingest
from pipeline.ingest.screening import Accepted, Screened, Screening
from pipeline.ingest.selection import required_classes
from pipeline.ingest.sources.opening import open_source
from pipeline.ingest.sources.picture import Picture
from pipeline.ingest.splitting import artists_apart
from pipeline.ingest.spool import Spool
from pipeline.ingest.watching import check_watched
from pipeline.measure.splitting import SPLITS


def ingest(params: Ingest) -> str:
    """Write the pictures in the order of image_id, the list of the rejected and the audit.

    Returns the summary. Which pictures there are and how they are split depends on all of them, so
    their bytes wait on disk until it is known. What was decoded before is not decoded again.
    """
    rows = read_corrections()
    max_pixels, hashes = int(params.max_megapixels * 1e6), params.audit.near_duplicates != "none"
    decisive = {"max_pixels": max_pixels, "hashes": hashes}
    screening = Screening(
        max_pixels=max_pixels,
        hashes=hashes,
        shortest_side=0 if params.select.shortest_side == "none" else params.select.shortest_side,
        known=kept_examinations(decisive, made_by=decoder()),
    )
    check_watched(Path(params.input))
    notes: list[str] = []
    offered = _pictures(open_source(params.source, Path(params.input)), notes)
    with Spool(images.PATH.parent) as spool:
        for image_id, data in screening.screen(progress(offered, what="pictures")):
            spool.put(image_id, data)
        write_examinations(screening.examined, decisive, made_by=decoder())
        found = screening.result()
        corrections = match(rows, found.accepted)
        screened = found.without(removed(corrections))
        write_rejected(screened)
        found.check(required_classes(found.offered, params.select))
        division = divide(found, corrections, params)
        screened = screened.without(division.dropped)
        write_rejected(screened)
        audit = audit_pictures(
            division, screened.rejections, applied(corrections, division.split_of), params.audit
        )
        audits.write_audit(audit.summary, audit.tables)
        audit.check(params.audit)
        chosen, splits = division.pictures, division.splits
        given = [picture.split for picture in chosen]
        schema = images_schema(
            classes=sorted({label for picture in chosen for label in picture.labels}),
            split_by="given" if any(given) else params.split.by,
            artists_apart=artists_apart([picture.artist for picture in chosen], splits),
        )
        write_shards(images.PATH, schema, _rows(chosen, splits, spool, schema))
    notes += _drawn(given)
    lines = [*(f"ingest: {note}" for note in notes), *_summary(audit)]
    return "\n".join(map(on_one_line, lines))


def write_rejected(screened: Screened) -> None:
    """The list of the pictures that are not used."""
    audits.write_rejected([(r.path, r.reason, r.detail) for r in screened.rejections])


def decoder() -> str:
    """The code that examines: what other code found is not kept."""
    code = code_digest(examinations, examining, formats, hashing, pictures)
    hashed_by = f"ImageHash {imagehash.__version__}, SciPy {scipy.__version__}"
    return f"{code}, {pictures.libraries()}, {hashed_by}"


def _drawn(given: Sequence[str | None]) -> Iterator[str]:
    """What the summary says where the source prescribes a part of the split but not all."""
    missing = [part for part in SPLITS[1:] if part not in given]
    if any(given) and missing:
        yield f"{' and '.join(missing)} drawn from the training pictures: the source has none"


def _pictures(found: Iterable[Picture | str], notes: list[str]) -> Iterator[Picture]:
    """The pictures; what else the source says goes to `notes`."""
    for item in found:
        if isinstance(item, str):
            notes.append(item)
        else:
            yield item


def _rows(
    pictures: Sequence[Accepted], splits: Sequence[str], spool: Spool, schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    rows: Iterator[dict[str, Any]] = (
        {
            "image_id": picture.image_id,
            "image": {"bytes": spool.get(picture.image_id), "path": picture.path},
            "labels": list(picture.labels),
            "artist": picture.artist,
            "split": split,
            "width": picture.width,
            "height": picture.height,
        }
        for picture, split in zip(pictures, splits, strict=True)
    )
    for piece in pieces(rows, size=lambda row: len(row["image"]["bytes"])):
        yield pa.RecordBatch.from_pylist(piece, schema)


def _summary(audit: Audit) -> list[str]:
    found = audit.summary
    splits, artists = found["splits"], len(found["artists"])
    lines = [
        f"ingest: {found['pictures']} pictures of {len(found['classes'])} classes"
        + (f" by {counted(artists, 'artist')}" if artists else "")
        + f": {splits['train']} train, {splits['validation']} validation, {splits['test']} test"
    ]
    if rejected := found["rejected"]:
        lines.append(f"ingest: {_listed(rejected, 'rejected')}, listed in {audits.REJECTED}")
    lines += [f"ingest: {line}" for line in _corrected(found["corrections"])]
    if left_out := found["left_out"]:
        lines.append(f"ingest: {_listed(left_out, 'left out')} by ingest.select")
    if untested := [name for name, of in found["classes"].items() if not of["test"]]:
        lines.append(f"ingest: no test picture of {', '.join(untested)}: they cannot be scored")
    if count := len(found["findings"]):
        lines.append(f"ingest: {counted(count, 'finding')} in {audits.SUMMARY}")
    return lines


def _corrected(found: dict[str, Any]) -> Iterator[str]:
    """What the summary says of data/corrections.csv."""
    totals = {action: sum(parts.values()) for action, parts in found["applied"].items()}
    if sum(totals.values()):
        yield f"{_listed(totals, 'corrections applied')}"
    tested = sum(found["applied"][action]["test"] for action in ("relabel", "remove"))
    if tested:
        yield f"{counted(tested, 'test picture')} relabelled or removed: the test is another one"
    if found["left_out"]:
        yield f"{counted(found['left_out'], 'correction')} of pictures that ingest.select left out"


def _listed(counts: dict[str, int], what: str) -> str:
    parts = ", ".join(f"{count} {name}" for name, count in counts.items())
    return f"{sum(counts.values())} {what} ({parts})"

"""Stage ingest: ingest.input -> data/images, data/rejected.csv, reports/audit."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from pipeline.audit import Audit, audit_pictures
from pipeline.console import counted, progress, run
from pipeline.ingestion import Accepted, Rejection, Screening
from pipeline.parallel import pieces
from pipeline.params import Ingest, load_params
from pipeline.selection import required_classes, select
from pipeline.sources import SOURCES
from pipeline.splitting import artists_apart, split_pictures
from pipeline.spool import Spool
from pipeline.tables import images_schema, replacing, write_shards


def ingest(
    params: Ingest, images_dir: Path, rejected_file: Path, audit_file: Path, audit_dir: Path
) -> str:
    """Write the pictures in the order of image_id, the list of the rejected and the audit.

    Returns the summary. Which pictures there are and how they are split depends on all of them, so
    their bytes wait on disk until it is known.
    """
    screening = Screening(
        max_pixels=int(params.max_megapixels * 1e6),
        shortest_side=0 if params.select.shortest_side == "none" else params.select.shortest_side,
        hashes=params.audit.near_duplicates != "none",
    )
    pictures = SOURCES[params.source.kind](params.source, Path(params.input))
    with Spool(images_dir.with_name(f".{images_dir.name}.screened")) as spool:
        for image_id, data in screening.screen(progress(pictures, what="pictures")):
            spool.put(image_id, data)
        screened = screening.result()
        _write_rejections(rejected_file, screened.rejections)
        screened.check(required_classes(screened.offered, params.select))
        chosen, left_out = select(screened.accepted, params.select)
        labels, artists = [p.labels for p in chosen], [p.artist for p in chosen]
        given = [p.split for p in chosen]
        splits = split_pictures(
            labels, artists, given, params.split, paths=[p.path for p in chosen]
        )
        audit = audit_pictures(chosen, splits, screened, left_out, params.audit)
        _write_audit(audit_file, audit_dir, audit)
        audit.check(params.audit)
        schema = images_schema(
            classes=sorted({label for row in labels for label in row}),
            split_by="given" if any(given) else params.split.by,
            artists_apart=artists_apart(artists, splits),
        )
        write_shards(images_dir, schema, _rows(chosen, splits, spool, schema))
    return _summary(audit, rejected_file, audit_file)


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


def _write_rejections(path: Path, rejections: Iterable[Rejection]) -> None:
    rows = [(r.path, r.reason, r.detail) for r in rejections]
    with replacing(path) as temporary:
        pd.DataFrame(rows, columns=["path", "reason", "detail"]).to_csv(temporary, index=False)


def _write_audit(audit_file: Path, audit_dir: Path, audit: Audit) -> None:
    with replacing(audit_dir) as folder:
        folder.mkdir()
        for name, table in audit.tables.items():
            table.to_csv(folder / f"{name}.csv", index=False)
    with replacing(audit_file) as temporary:
        text = json.dumps(audit.summary, ensure_ascii=False, indent=2)
        temporary.write_text(f"{text}\n", "utf-8")


def _summary(audit: Audit, rejected_file: Path, audit_file: Path) -> str:
    found = audit.summary
    splits, artists = found["splits"], len(found["artists"])
    lines = [
        f"ingest: {found['pictures']} pictures of {len(found['classes'])} classes"
        + (f" by {counted(artists, 'artist')}" if artists else "")
        + f": {splits['train']} train, {splits['validation']} validation, {splits['test']} test"
    ]
    if rejected := found["rejected"]:
        lines.append(f"ingest: {_listed(rejected, 'rejected')}, listed in {rejected_file}")
    if left_out := found["left_out"]:
        lines.append(f"ingest: {_listed(left_out, 'left out')} by ingest.select")
    if untested := [name for name, of in found["classes"].items() if not of["test"]]:
        lines.append(f"ingest: no test picture of {', '.join(untested)}: they cannot be scored")
    if count := len(found["findings"]):
        lines.append(f"ingest: {counted(count, 'finding')} in {audit_file}")
    return "\n".join(lines)


def _listed(counts: dict[str, int], what: str) -> str:
    parts = ", ".join(f"{count} {name}" for name, count in counts.items())
    return f"{sum(counts.values())} {what} ({parts})"


def main() -> None:
    images_dir, rejected_file, audit_file, audit_dir = map(Path, sys.argv[1:])
    print(ingest(load_params().ingest, images_dir, rejected_file, audit_file, audit_dir))


if __name__ == "__main__":
    run(main)

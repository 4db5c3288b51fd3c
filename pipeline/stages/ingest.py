"""Stage ingest: ingest.input -> data/images, data/rejected.csv."""

from __future__ import annotations

import csv
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa

from pipeline.console import progress, run
from pipeline.ingestion import Accepted, Rejection, Screening
from pipeline.params import Ingest, load_params
from pipeline.sources import SOURCES
from pipeline.splitting import artists_apart, split_pictures
from pipeline.tables import IMAGES, Shards, images_schema, replacing, scratch, write_shards


def ingest(params: Ingest, images_dir: Path, rejected_file: Path) -> str:
    """Write the accepted pictures and the list of the rejected; return the summary.

    The split depends on the labels of all pictures, so their bytes wait on disk until it is known.
    """
    screening = Screening(max_pixels=int(params.max_megapixels * 1e6))
    pictures = SOURCES[params.source.kind](params.source, Path(params.input))
    with scratch(images_dir.with_name(f".{images_dir.name}.screened")) as waiting:
        accepted = progress(screening.screen(pictures), what="pictures")
        write_shards(waiting, IMAGES, (_row(item) for item in accepted))
        _write_rejections(rejected_file, screening.rejections)
        screening.check()
        screened = Shards(waiting)
        table = screened.read(["image_id", "labels", "artist", "split"])
        kept = [i not in screening.conflicting for i in table["image_id"].to_pylist()]
        ids, labels, artists, given = (c.to_pylist() for c in table.filter(kept).columns)
        splits = split_pictures(labels, artists, given, params.split)
        schema = images_schema(
            classes=sorted({label for row in labels for label in row}),
            split_by="given" if any(given) else params.split.by,
            artists_apart=artists_apart(artists, splits),
        )
        split_of = dict(zip(ids, splits, strict=True))
        write_shards(images_dir, schema, _with_splits(screened, schema, split_of))
    return _summary(labels, artists, splits, screening.rejections, rejected_file)


def _row(item: Accepted) -> pa.RecordBatch:
    picture = item.picture
    row = {
        "image_id": item.image_id,
        "image": {"bytes": picture.data, "path": picture.path},
        "labels": list(picture.labels),
        "artist": picture.artist,
        "split": picture.split,
        "width": item.width,
        "height": item.height,
    }
    return pa.RecordBatch.from_pylist([row], IMAGES)


def _with_splits(
    screened: Shards, schema: pa.Schema, splits: dict[str, str]
) -> Iterator[pa.RecordBatch]:
    position = schema.get_field_index("split")
    for batch in screened.batches():
        ids = batch["image_id"].to_pylist()
        kept = batch.filter(pa.array([i in splits for i in ids]))
        column = pa.array([splits[i] for i in ids if i in splits], pa.string())
        columns = [*kept.columns[:position], column, *kept.columns[position + 1 :]]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _write_rejections(path: Path, rejections: Iterable[Rejection]) -> None:
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "reason", "detail"])
        writer.writerows((r.path, r.reason, r.detail) for r in rejections)


def _summary(
    labels: list[list[str]],
    artists: list[str | None],
    splits: list[str],
    rejections: list[Rejection],
    rejected_file: Path,
) -> str:
    counts = Counter(splits)
    known = len(set(artists) - {None})
    classes = {label for row in labels for label in row}
    lines = [
        f"ingest: {len(splits)} pictures of {len(classes)} classes"
        + (f" by {known} artists" if known else "")
        + f": {counts['train']} train, {counts['validation']} validation, {counts['test']} test"
    ]
    reasons = Counter(rejection.reason for rejection in rejections)
    if reasons:
        parts = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
        lines.append(f"ingest: {len(rejections)} rejected ({parts}), listed in {rejected_file}")
    rows = zip(labels, splits, strict=True)
    tested = {label for row, split in rows if split == "test" for label in row}
    if untested := sorted(classes - tested):
        lines.append(f"ingest: no test picture of {', '.join(untested)}: they cannot be scored")
    return "\n".join(lines)


def main() -> None:
    images_dir, rejected_file = map(Path, sys.argv[1:])
    print(ingest(load_params().ingest, images_dir, rejected_file))


if __name__ == "__main__":
    run(main)

"""Stage ingest: ingest.input -> data/images, data/rejected.csv."""

from __future__ import annotations

import csv
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline.console import progress, run
from pipeline.errors import UserError
from pipeline.ingestion import Accepted, Rejection, Screening
from pipeline.params import Ingest, Split, load_params
from pipeline.sources import SOURCES
from pipeline.splitting import assign_splits
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
        table = table.filter(pa.array(_kept(table, screening.conflicting)))
        splits = split_table(table, params.split)
        classes = sorted({label for labels in table["labels"].to_pylist() for label in labels})
        given = any(table["split"].to_pylist())
        schema = images_schema(
            classes=classes,
            split_by="given" if given else params.split.by,
            artists_apart=artists_apart(table, splits),
        )
        write_shards(images_dir, schema, _with_splits(screened, schema, splits))
    return _summary(table, splits, classes, screening.rejections, rejected_file)


def split_table(table: pa.Table, params: Split) -> dict[str, str]:
    """image_id -> split. Errors: `UserError` when a split stays empty or cannot be drawn."""
    labels = [tuple(row) for row in table["labels"].to_pylist()]
    artists = table["artist"].to_pylist() if params.by == "artist" else None
    if artists is not None and None in artists:
        raise UserError(
            f"ingest.split.by is artist, but {artists.count(None)} of {len(artists)} pictures have "
            "none: give source.artist or source.labels, or split by picture"
        )
    splits = assign_splits(
        labels,
        artists,
        table["split"].to_pylist(),
        validation=params.validation,
        test=params.test,
        rng=np.random.default_rng(params.seed),
    )
    for split in ("train", "validation", "test"):
        if split not in splits:
            found = f"{len(labels)} pictures" + (
                f" by {len(set(artists))} artists" if artists else ""
            )
            advice = (
                "more artists in each class, or split by picture" if artists else "more pictures"
            )
            raise UserError(
                f"the {split} split is empty ({found}): give {advice}, or a larger share in "
                "ingest.split"
            )
    rows = list(zip(labels, splits, strict=True))
    trained = {label for row, split in rows if split == "train" for label in row}
    if untrained := sorted({label for row in labels for label in row} - trained):
        raise UserError(f"the class {untrained[0]!r} has no training picture: move some to train/")
    return dict(zip(table["image_id"].to_pylist(), splits, strict=True))


def artists_apart(table: pa.Table, splits: dict[str, str]) -> bool:
    """Whether every picture has an artist and no artist is on two sides of the split."""
    sides: dict[str, str] = {}
    rows = zip(table["image_id"].to_pylist(), table["artist"].to_pylist(), strict=True)
    for image_id, artist in rows:
        if artist is None or sides.setdefault(artist, splits[image_id]) != splits[image_id]:
            return False
    return True


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


def _kept(table: pa.Table, conflicting: set[str]) -> list[bool]:
    return [image_id not in conflicting for image_id in table["image_id"].to_pylist()]


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
    table: pa.Table,
    splits: dict[str, str],
    classes: list[str],
    rejections: list[Rejection],
    rejected_file: Path,
) -> str:
    counts = Counter(splits.values())
    artists = len(set(table["artist"].to_pylist()) - {None})
    lines = [
        f"ingest: {len(splits)} pictures of {len(classes)} classes"
        + (f" by {artists} artists" if artists else "")
        + f": {counts['train']} train, {counts['validation']} validation, {counts['test']} test"
    ]
    reasons = Counter(rejection.reason for rejection in rejections)
    if reasons:
        parts = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
        lines.append(f"ingest: {len(rejections)} rejected ({parts}), listed in {rejected_file}")
    rows = zip(table["image_id"].to_pylist(), table["labels"].to_pylist(), strict=True)
    tested = {label for i, labels in rows if splits[i] == "test" for label in labels}
    if untested := sorted(set(classes) - tested):
        lines.append(f"ingest: no test picture of {', '.join(untested)}: they cannot be scored")
    return "\n".join(lines)


def main() -> None:
    images_dir, rejected_file = map(Path, sys.argv[1:])
    print(ingest(load_params().ingest, images_dir, rejected_file))


if __name__ == "__main__":
    run(main)

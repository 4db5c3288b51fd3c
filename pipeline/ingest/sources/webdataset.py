"""Source `webdataset`: tars in which the files of one picture share their stem."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline.core.errors import UserError
from pipeline.ingest.sources.archives import open_tree
from pipeline.ingest.sources.columns import Describer, check_columns
from pipeline.ingest.sources.params import WebDatasetSource
from pipeline.ingest.sources.parts import part_of
from pipeline.ingest.sources.picture import Picture
from pipeline.ingest.sources.tabular import json_object
from pipeline.ingest.sources.tree import Tree, UnreadableError, text

PICTURES = (
    "jpg",
    "jpeg",
    "png",
    "webp",
    "avif",
    "bmp",
    "gif",
    "heic",
    "heif",
    "jp2",
    "ppm",
    "tif",
    "tiff",
)


def webdataset_pictures(params: WebDatasetSource, root: Path) -> Iterator[Picture]:
    """The pictures of each shard, shards and stems in the order of their names.

    A stem ends at the first "." of a file's name; the rest names the part: "0001.jpg" is the
    picture, "0001.cls" and "0001.txt" are texts, and "0001.json" holds the parts "json.KEY".

    Errors: `UserError` for a pattern without shards, a stem without one picture, a part that is not
    there or cannot be read, a picture without a label.
    """
    describer = Describer(params)
    for shard, split in sorted(_shards(params, root).items()):
        with open_tree(root, shard) as tree:
            for stem, parts in _samples(shard, tree).items():
                where = text(f"{shard}/{stem}")
                try:
                    part, row = _row(params, tree, where, parts)
                except UserError as error:
                    yield describer.reject(where, str(error))
                    continue
                picture = describer.picture(row, path=f"{where}.{part}", where=where, split=split)
                yield picture if picture.fault else tree.fill(picture, parts[part])
    describer.check()


def _shards(params: WebDatasetSource, root: Path) -> dict[str, str | None]:
    """shard -> split"""
    shards: dict[str, str | None] = {}
    for split, pattern in params.shards.items():
        try:
            found = [path.relative_to(root).as_posix() for path in root.glob(pattern)]
        except ValueError as error:
            raise UserError(
                f"source.shards: {pattern!r} is no pattern of names ({error}): give one such as "
                "'train-*.tar'"
            ) from None
        if not found:
            raise UserError(f"{root} has no shards {pattern!r}: source.shards names them")
        if twice := sorted(shards.keys() & set(found)):
            raise UserError(
                f"source.shards: {twice[0]!r} fits two patterns, the second is {pattern!r}: let "
                "each shard fit one"
            )
        shards |= dict.fromkeys(found, None if split == "all" else split)
    parts = {part_of(name): name for name, split in sorted(shards.items()) if split is None}
    if len(named := [name for part, name in parts.items() if part is not None]) > 1:
        raise UserError(
            f"source.shards: {named[0]!r} and {named[1]!r} are parts of a split by their names: "
            "give each its pattern, as in `shards: {train: 'train-*.tar', test: 'test-*.tar'}`, or "
            "all to train, from which the others are drawn then"
        )
    return shards


def _samples(shard: str, tree: Tree) -> dict[str, dict[str, str]]:
    """stem -> {part: path}"""
    samples: dict[str, dict[str, str]] = {}
    for path in tree.files("."):
        folder, slash, name = path.rpartition("/")
        stem, _, part = name.partition(".")
        parts = samples.setdefault(folder + slash + stem, {})
        if (other := parts.setdefault(part.lower(), path)) != path:
            raise UserError(
                f"{shard} holds {text(path)!r} and {text(other)!r}, the same part of a picture: "
                "leave one out"
            )
    return samples


def _row(
    params: WebDatasetSource, tree: Tree, where: str, parts: dict[str, str]
) -> tuple[str, dict[str, object]]:
    """The part that is the picture, and what the others say."""
    pictures = [part for part in parts if part in PICTURES]
    if len(pictures) != 1:
        raise UserError(f"{where} has {len(pictures)} pictures ({', '.join(parts)}): it needs one")
    wanted = [name for name in (*params.labels, params.artist) if name]
    small = {"json" if name.startswith("json.") else name for name in wanted} & set(parts)
    row: dict[str, object] = {}
    for part in sorted(small):
        row |= _read(part, tree, parts[part], f"{where}.{part}")
    check_columns(wanted, [*row, *(part for part in parts if part not in small)], where=where)
    return pictures[0], row


def _read(part: str, tree: Tree, path: str, where: str) -> dict[str, object]:
    """What a part says: a text, or the values of a JSON object by key."""
    try:
        if part == "json":
            return {f"json.{key}": value for key, value in json_object(tree.read(path)).items()}
        return {part: tree.read(path).decode()}
    except (ValueError, UnreadableError) as error:
        kind = "JSON object" if part == "json" else "text"
        raise UserError(
            f"{where} is no {kind} in UTF-8 ({error}): mend it or leave the picture out"
        ) from None

"""Stage pixels: data/images -> data/pixels, all pictures at one size, decoded once."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from pipeline.artifacts import images
from pipeline.artifacts.pixels import kept_pixels, write_pixels
from pipeline.compute import pictures
from pipeline.compute.parallel import ordered_map
from pipeline.core.console import progress
from pipeline.core.digests import code_digest
from pipeline.core.parquet import Shards, shard_batches, shard_ids
from pipeline.pixels import decoding
from pipeline.pixels.decoding import Decoded, decode_pixels
from pipeline.pixels.params import Pixels


def pixels(params: Pixels) -> str:
    """Decode the pictures as `params` say, but for those that are there already; returns their
    shape in words."""
    shards = Shards(images.PATH)
    options, made_by = params.model_dump(), decoder()
    shape = (shards.rows, params.size, params.size, 3 if params.colour == "rgb" else 1)
    kept = kept_pixels(options, made_by=made_by)
    new = sum(image_id not in kept for path in shards.paths for image_id in shard_ids(path))

    def made(item: tuple[str, bytes | None]) -> tuple[str, Decoded]:
        image_id, data = item
        return image_id, kept[image_id] if data is None else decode_pixels(data, **options)

    found = progress(
        ordered_map(made, encoded(shards, kept), ahead=64), what="pixels", total=shards.rows
    )
    write_pixels(found, shape, options, made_by=made_by)
    return f"pixels: {' x '.join(map(str, shape))}, {new} decoded"


def encoded(shards: Shards, kept: Collection[str]) -> Iterator[tuple[str, bytes | None]]:
    """image_id and bytes of each picture, in order; no bytes of those in `kept`."""
    for path in shards.paths:
        ids = shard_ids(path)
        if all(image_id in kept for image_id in ids):
            yield from ((image_id, None) for image_id in ids)
            continue
        for batch in shard_batches(path, ["image_id", "image"]):
            for image_id, data in zip(
                batch["image_id"], batch["image"].field("bytes"), strict=True
            ):
                name = image_id.as_py()
                yield name, None if name in kept else data.as_py()


def decoder() -> str:
    """The code that decodes: what another has decoded is not kept."""
    return f"{code_digest(decoding, pictures)}, {pictures.libraries()}"

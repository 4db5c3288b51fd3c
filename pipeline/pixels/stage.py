"""Stage pixels: data/images -> data/pixels, all pictures at one size, decoded once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from pipeline.artifacts import images
from pipeline.artifacts.pixels import write_pixels
from pipeline.compute.parallel import ordered_map
from pipeline.core.console import progress
from pipeline.core.parquet import Shards
from pipeline.pixels.decoding import decode_pixels
from pipeline.pixels.params import Pixels


def pixels(params: Pixels) -> str:
    """Decode all pictures as `params` say; returns their shape in words."""
    shards = Shards(images.PATH)
    shape = (shards.rows, params.size, params.size, 3 if params.colour == "rgb" else 1)
    decode = partial(decode_pixels, **params.model_dump())
    decoded = ordered_map(decode, encoded(shards), ahead=64)
    write_pixels(progress(decoded, what="pixels", total=shards.rows), shape, params.model_dump())
    return f"pixels: {' x '.join(map(str, shape))}"


def encoded(shards: Shards) -> Iterator[bytes]:
    """The encoded pictures, in order."""
    for batch in shards.batches(["image"]):
        for data in batch["image"].field("bytes"):
            yield data.as_py()

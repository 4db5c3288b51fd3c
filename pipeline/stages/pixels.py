"""Stage pixels: data/images -> data/pixels, all pictures at one size, decoded once."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from pipeline.console import progress, run
from pipeline.parallel import ordered_map
from pipeline.params import load_params
from pipeline.pixels import decode_pixels
from pipeline.tables import Shards, replacing


def encoded(images: Shards) -> Iterator[bytes]:
    """The encoded pictures, in order."""
    for batch in images.batches(["image"]):
        for data in batch["image"].field("bytes"):
            yield data.as_py()


def main() -> None:
    images_dir, pixels_dir = map(Path, sys.argv[1:])
    params = load_params().pixels
    images = Shards(images_dir)
    shape = (images.rows, params.size, params.size, 3 if params.colour == "rgb" else 1)
    decode = partial(decode_pixels, **params.model_dump())
    decoded = ordered_map(decode, encoded(images), ahead=64)
    with replacing(pixels_dir) as folder:
        folder.mkdir()
        array = np.lib.format.open_memmap(folder / "pixels.npy", "w+", np.uint8, shape)
        for row, picture in enumerate(progress(decoded, what="pixels", total=images.rows)):
            array[row] = picture
        array.flush()
        (folder / "pixels.json").write_text(json.dumps(params.model_dump()) + "\n")
    print(f"pixels: {shape[0]} x {shape[1]} x {shape[2]} x {shape[3]}")


if __name__ == "__main__":
    run(main)

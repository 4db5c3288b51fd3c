"""Source `torchvision`: sets of small pictures, by torchvision's own readers."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.core.errors import UserError
from pipeline.ingest.sources.params import TorchvisionSource
from pipeline.ingest.sources.picture import Picture


def torchvision_pictures(params: TorchvisionSource, root: Path) -> Iterator[Picture]:
    """The set's test and training pictures as PNG, with its class names and its own splits.

    A copy in `root / params.root`, as torchvision stores it, is used; with `params.download` the
    files that it lacks are fetched, and those that are fetched are checked against torchvision's
    checksums.

    Errors: `UserError` for a copy that is not there or damaged, or a download that fails.
    """
    for split in ("test", "train"):
        opened = _open(params, root / params.root, train=split == "train")
        last = int(np.max(np.asarray(opened.targets), initial=0))
        if len(opened.data) != len(opened.targets) or last >= len(opened.classes):
            raise UserError(
                f"the {split} part of {params.dataset} has {len(opened.data)} pictures, but "
                f"{len(opened.targets)} labels, 0 to {last}: put a whole copy into "
                f"{root / params.root}"
            )
        for i, (pixels, target) in enumerate(zip(opened.data, opened.targets, strict=True)):
            yield Picture(
                data=_png(np.asarray(pixels)),
                path=f"{split}/{i:05}.png",
                labels=(opened.classes[int(target)],),
                split=split,
            )


def _open(params: TorchvisionSource, folder: Path, *, train: bool) -> Any:
    from torchvision import datasets  # here, for it takes seconds: the other sources do without

    try:
        return getattr(datasets, params.dataset)(folder, train=train, download=params.download)
    except Exception as error:  # of the network, a checksum, or whatever a damaged file leads to
        advice = (
            "go online and run it again" if params.download else "set ingest.source.download: true"
        )
        raise UserError(
            f"{folder} has no whole copy of {params.dataset} ({type(error).__name__}: {error}): "
            f"{advice}, or put the files there as torchvision stores them; remove what is damaged"
        ) from None


def _png(pixels: NDArray[np.uint8]) -> bytes:
    """(H, W) or (H, W, 3) -> a PNG; to make it smaller would take seven times as long."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()

"""Numbers of a picture that see nothing of what it shows: of its file, its border, its colours."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image

COMMON = 0.01  # share of the pictures from which on a folder is one of the cues
MOST_FOLDERS = 20
# Luminance table at quality 50 (ITU-T T.81, table K.1), in ascending order.
STANDARD = np.sort(
    [
        16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55,
        14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
        18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
        49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
    ]
)  # fmt: skip
QUALITIES = np.arange(1, 101)
_SCALES = np.where(QUALITIES < 50, 5000 // QUALITIES, 200 - 2 * QUALITIES)
TABLES = np.clip((STANDARD * _SCALES[:, None] + 50) // 100, 1, 255)  # (100, 64), as libjpeg does


def cues(
    rows: Iterable[pa.RecordBatch], pixels: NDArray[np.uint8], *, names: Collection[str]
) -> dict[str, pd.DataFrame]:
    """Kind of cue -> its numbers, N rows in the order of the pictures; NaN where there is none.

    rows: image, width and height of data/images; pixels: (N, H, W, C), all pictures at one size;
    names: of classes and artists, which are no cues where folders have them.
    """
    files = pd.DataFrame(_of_files(rows), columns=["width", "height", "bytes", "quality", "folder"])
    width, height = files["width"], files["height"]
    found = {
        "size and proportion": pd.DataFrame(
            {"width": width, "height": height, "proportion": width / height}
        ),
        "file size": pd.DataFrame(
            {"bytes": files["bytes"], "per_pixel": files["bytes"] / (width * height)}
        ),
        "JPEG quality": files[["quality"]],
        "border colour": pd.DataFrame(border_colour(pixels)).add_prefix("border_"),
        "greyness": pd.DataFrame({"chroma": chroma(pixels)}),
        "source folder": folders(files["folder"], names=names),
    }
    return {kind: table for kind, table in found.items() if table.nunique().gt(1).any()}


def _of_files(rows: Iterable[pa.RecordBatch]) -> Iterator[tuple[int, int, int, float, str]]:
    for batch in rows:
        for row in batch.select(["image", "width", "height"]).to_pylist():
            data, path = row["image"]["bytes"], PurePosixPath(row["image"]["path"])
            yield row["width"], row["height"], len(data), jpeg_quality(data), str(path.parent)


def jpeg_quality(data: bytes) -> float:
    """The quality, 1 to 100, whose standard table comes closest to that of a JPEG; NaN of others.

    Tables are compared in ascending order, so that it does not matter in which one they are read.
    """
    if not data.startswith(b"\xff\xd8"):
        return float("nan")
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:  # reads no more than the header
        luminance = getattr(image, "quantization", {}).get(0)
    if luminance is None:
        return float("nan")
    distances = np.abs(TABLES - np.sort(luminance)).sum(1)
    return float(QUALITIES[distances.argmin()])


def border_colour(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(N, H, W, C) -> (N, C): the mean of the outermost pixels, in 0..255."""
    edges = [pixels[:, 0], pixels[:, -1], pixels[:, 1:-1, 0], pixels[:, 1:-1, -1]]
    mean: NDArray[np.float64] = np.concatenate(edges, 1).mean(1)
    return mean


def chroma(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(N, H, W, C) -> (N,): how far the channels are apart on average, 0 of grey, to 255."""
    mean: NDArray[np.float64] = np.ptp(pixels, axis=3).mean((1, 2))
    return mean


def folders(paths: pd.Series[Any], *, names: Collection[str]) -> pd.DataFrame:
    """A column of 0 and 1 for each common folder, at most MOST_FOLDERS, parts in `names` left out.

    Where pictures lie in folders of their classes or artists these say what is asked for.
    """
    known = {_plain(name) for name in names}
    rest = paths.map(
        lambda path: "/".join(part for part in path.split("/") if _plain(part) not in known)
    )
    shares = rest.value_counts(normalize=True)
    common = shares[shares >= COMMON].head(MOST_FOLDERS).index
    return pd.DataFrame({name: (rest == name).astype(float) for name in common}, index=paths.index)


def _plain(name: str) -> str:
    return name.replace("_", " ").casefold()

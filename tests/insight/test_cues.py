"""Cues of pictures whose cues are known."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image

from pipeline.insight.cues import border_colour, chroma, cues, folders, jpeg_quality


@pytest.mark.parametrize("quality", [5, 30, 60, 75, 92, 100])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_the_quality_is_that_a_jpeg_was_saved_with(rng, encode, quality, mode):
    noise = Image.fromarray(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)).convert(mode)
    assert jpeg_quality(encode(noise, "JPEG", quality=quality)) == quality


def test_a_png_has_no_quality(picture):
    assert math.isnan(jpeg_quality(picture(1)))


def test_border_and_chroma_by_hand():
    pixels = np.full((2, 4, 4, 3), 7, np.uint8)
    pixels[0, 1:3, 1:3] = 200  # inside
    pixels[1, 0, :, 0] = 7 + 12  # a quarter is red, a third of the border
    np.testing.assert_allclose(border_colour(pixels), [[7, 7, 7], [11, 7, 7]])
    np.testing.assert_allclose(chroma(pixels), [0, 3])


def test_folders_of_classes_and_artists_are_no_cues():
    paths = pd.Series(["scans/cats"] * 3 + ["web/dogs"] * 2 + ["web/Ada_Lovelace/cats"])
    found = folders(paths, names=["cats", "dogs", "Ada Lovelace"])
    assert {name: found[name].tolist() for name in found} == {
        "scans": [1, 1, 1, 0, 0, 0], "web": [0, 0, 0, 1, 1, 1],
    }  # fmt: skip
    assert folders(paths.str.split("/").str[-1], names=["cats", "dogs"]).shape == (6, 1)


def test_what_is_the_same_of_all_is_no_cue(rng, encode):
    pixels = rng.integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
    files = [
        encode(Image.fromarray(p), "JPEG", quality=q)
        for p, q in zip(pixels, [60, 90] * 2, strict=True)
    ]
    rows = pa.RecordBatch.from_pylist(
        [
            {"image": {"bytes": data, "path": f"a/{i}.jpg"}, "width": 8, "height": 8}
            for i, data in enumerate(files)
        ]
    )
    found = cues([rows], pixels, names=["a"])
    assert list(found) == ["file size", "JPEG quality", "border colour", "greyness"]
    assert found["JPEG quality"]["quality"].tolist() == [60, 90, 60, 90]
    assert found["file size"]["bytes"].tolist() == [len(data) for data in files]

"""Small pictures for the page."""

import io

import numpy as np
import pytest
from PIL import Image

from pipeline.report.thumbnails import thumbnail_jpeg

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


@pytest.fixture
def quarters():
    """24 x 16 pixels: red, green / blue, white."""
    image = Image.new("RGB", (24, 16), RED)
    for colour, corner in [(GREEN, (12, 0)), (BLUE, (0, 8)), (WHITE, (12, 8))]:
        image.paste(colour, (*corner, corner[0] + 12, corner[1] + 8))
    return image


def test_thumbnail(quarters):
    data = thumbnail_jpeg(quarters.resize((240, 160)), side=60)
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.size) == ("JPEG", (60, 40))
        found = np.asarray(image).astype(int)
    centres = found[[10, 10, 30, 30], [15, 45, 15, 45]]
    np.testing.assert_allclose(centres, [RED, GREEN, BLUE, WHITE], atol=8)


def test_thumbnails_are_not_enlarged(quarters):
    with Image.open(io.BytesIO(thumbnail_jpeg(quarters, side=60))) as image:
        assert image.size == (24, 16)

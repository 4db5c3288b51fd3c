import numpy as np
import pytest
from PIL import Image

from pipeline.pixels.decoding import decode_pixels


@pytest.mark.parametrize(
    ("colour", "pixel"),
    [
        ("rgb", [10, 20, 30]),
        ("grey", [18]),  # ITU-R 601: 0.299 R + 0.587 G + 0.114 B
    ],
)
def test_a_decoded_picture(encode, colour, pixel):
    found = decode_pixels(encode(Image.new("RGB", (30, 50), (10, 20, 30))), size=8, colour=colour)
    assert (found.shape, found.dtype) == ((8, 8, len(pixel)), np.uint8)
    assert (found == pixel).all()


def test_proportions_are_lost(encode):
    halves = Image.new("L", (64, 16))
    halves.paste(255, (32, 0, 64, 16))
    found = decode_pixels(encode(halves), size=8, colour="grey")[..., 0]
    assert (found[:, :3] == 0).all()
    assert (found[:, 5:] == 255).all()

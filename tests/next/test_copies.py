"""Pictures that are labelled already."""

from __future__ import annotations

import hashlib
import io

import pytest
from PIL import Image

from pipeline.ingest.examining import examination
from pipeline.next.copies import Known, without_copies


@pytest.fixture
def known(picture):
    """Of one labelled picture, at a distance."""

    def make(distance):
        data = picture(1, size=(96, 64))
        image_id = hashlib.sha256(data).hexdigest()[:16]
        code = examination(data, max_pixels=10**6, hashes=True).hash
        return Known.of({image_id: "a/1.png"}, {image_id: code, "x": 0}, distance=distance)

    return make


def left_out(folder, known):
    files = sorted(folder.iterdir())
    return {path.name: why for path, why in without_copies(files, known, max_pixels=10**6)}


def test_copies_and_what_cannot_be_read_are_named(root, known, picture, encode):
    data = picture(1, size=(96, 64))
    smaller = encode(Image.open(io.BytesIO(data)).resize((72, 48)), "JPEG", quality=80)
    folder = root({"same.png": data, "near.jpg": smaller, "new.png": picture(2), "no.png": b"x"})
    found = left_out(folder, known(4))
    assert found["same.png"] == found["near.jpg"] == "a copy of a/1.png, which is labelled"
    assert found["new.png"] is None
    assert found["no.png"] == "not an image"
    only_equal = left_out(folder, known(None))
    assert only_equal["same.png"] is not None
    assert only_equal["near.jpg"] is None


def test_nothing_labelled_has_no_copies(root, picture):
    folder = root({"new.png": picture(2)})
    assert left_out(folder, Known.of({}, {}, distance=4)) == {"new.png": None}

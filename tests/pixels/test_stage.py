"""Stage pixels: what is decoded again, and what is kept."""

import numpy as np
import pyarrow as pa
import pytest

from pipeline.artifacts import images
from pipeline.artifacts.images import images_schema
from pipeline.artifacts.pixels import PATH, open_pixels
from pipeline.core.parquet import write_shards
from pipeline.pixels import stage
from pipeline.pixels.decoding import decode_pixels
from pipeline.pixels.params import Pixels
from pipeline.pixels.stage import pixels

SMALL = Pixels(size=8, colour="rgb")


@pytest.fixture
def paint(picture, tmp_path, monkeypatch):
    """Numbers of pictures -> data/images of these, in the working directory."""
    monkeypatch.chdir(tmp_path)

    def write(numbers, label="a"):
        rows = [
            {
                "image_id": f"{number * 2654435761 % 2**64:016x}",
                "image": {"bytes": picture(number), "path": f"{number}.png"}, "labels": [label],
                "artist": None, "split": "train", "width": 24, "height": 16,
            }
            for number in numbers
        ]  # fmt: skip
        schema = images_schema(classes=[label])
        write_shards(images.PATH, schema, [pa.RecordBatch.from_pylist(rows, schema)])
        return [decode_pixels(row["image"]["bytes"], **SMALL.model_dump()) for row in rows]

    return write


def test_other_labels_and_orders_decode_nothing(paint):
    expected = paint(range(300))
    assert pixels(SMALL) == "pixels: 300 x 8 x 8 x 3, 300 decoded"
    np.testing.assert_array_equal(open_pixels()[0], expected)
    before = {path.name: path.read_bytes() for path in PATH.iterdir()}
    paint(range(300), label="b")
    assert pixels(SMALL).endswith(" 0 decoded")
    assert {path.name: path.read_bytes() for path in PATH.iterdir()} == before
    expected = paint([*range(290, 310), *range(20)])
    assert pixels(SMALL) == "pixels: 40 x 8 x 8 x 3, 10 decoded"
    np.testing.assert_array_equal(open_pixels()[0], expected)


def test_what_is_of_another_size_or_code_or_damaged_is_not_kept(paint, monkeypatch):
    expected = paint(range(40))
    pixels(SMALL)
    assert pixels(SMALL.model_copy(update={"size": 9})).endswith(" 40 decoded")
    assert pixels(SMALL).endswith(" 40 decoded")
    with monkeypatch.context() as patch:
        patch.setattr(stage, "decoder", lambda: "another")
        assert pixels(SMALL).endswith(" 40 decoded")
    assert pixels(SMALL).endswith(" 40 decoded")
    array = PATH / "pixels.npy"
    array.write_bytes(array.read_bytes()[:-1] + b"\xff")
    assert pixels(SMALL).endswith(" 40 decoded")
    np.testing.assert_array_equal(open_pixels()[0], expected)

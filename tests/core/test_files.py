"""Files that are written whole or not at all."""

from __future__ import annotations

import pytest

from pipeline.core.checksums import checksum
from pipeline.core.files import read_json, replacing


def test_replacing_a_file(tmp_path):
    path = tmp_path / "new" / "file.txt"
    with replacing(path) as temporary:
        temporary.write_text("one")
        assert not path.exists()

    def failing():
        with replacing(path) as temporary:
            temporary.write_text("two")
            raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError, match="the disk is full"):
        failing()
    assert path.read_text() == "one"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    "values", ['{"a": ' * 99999, '{"a": ' + "[" * 99999], ids=["objects", "lists"]
)
def test_json_whose_checksum_fits_but_cannot_be_read(tmp_path, refused, values):
    start, end = f'{values}, "checksum": "'.encode(), b'"}\n'
    (tmp_path / "x.json").write_bytes(start + checksum(start, end).encode() + end)
    with refused(str(tmp_path / "x.json"), "damaged", "dvc repro"):
        read_json(tmp_path / "x.json")

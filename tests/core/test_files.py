"""Files that are written whole or not at all."""

from __future__ import annotations

import pytest

from pipeline.core.files import replacing


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

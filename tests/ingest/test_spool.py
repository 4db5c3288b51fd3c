import pytest

from pipeline.ingest.spool import Spool


def test_values_come_back_in_any_order(tmp_path):
    path = tmp_path / "folder" / "spool"
    values = {str(i): bytes([i]) * (i * 1000) for i in range(50)}
    with Spool(path) as spool:
        for key, value in values.items():
            spool.put(key, value)
        for key in sorted(values, reverse=True):
            assert spool.get(key) == values[key]
    assert not path.exists()


def test_an_error_leaves_no_file(tmp_path):
    with pytest.raises(KeyError), Spool(tmp_path / "spool") as spool:
        spool.get("unknown")
    assert list(tmp_path.iterdir()) == []

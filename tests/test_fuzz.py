"""Damaged files of every kind, the same each time; `python -m tests.fuzz` takes others."""

import sys
import warnings

import pytest

pytest.importorskip("resource", reason="Windows counts no memory so")

from fuzz.formats import FORMATS, NAME
from fuzz.trying import Tally, attempt, fuzz

TRIES = 100


@pytest.fixture(autouse=True)
def quiet():
    """Readers of damaged files warn as they like."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.slow(reason="many files")
@pytest.mark.parametrize("kind", FORMATS)
def test_damaged_files_are_read_or_refused(tmp_path, one_thread, kind):
    tally = fuzz(kind, 0, tmp_path, tries=TRIES, seconds=sys.maxsize)
    found = {path.name: path.read_text("utf-8") for path in tmp_path.glob("*.txt")}
    assert not found
    assert (tally.tries, tally.findings) == (TRIES, 0)
    assert 0 < tally.accepted < TRIES
    assert tally.accepted + tally.refused == TRIES


@pytest.mark.parametrize("kind", FORMATS)
def test_what_is_valid_is_read(tmp_path, kind):
    form, tally = FORMATS[kind], Tally(kind)
    valid = form.valid(tmp_path / "valid")
    for number, (ending, content) in enumerate(valid):
        path = tmp_path / str(number) / f"{NAME}{ending}"
        path.parent.mkdir()
        path.write_bytes(form.sealed(content))
        assert not attempt(kind, path, tally)
    assert tally.accepted == len(valid)

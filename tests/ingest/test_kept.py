"""What is decoded again, and what is kept."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from pipeline.artifacts import examinations
from pipeline.ingest import stage

FALSE = "said by the file that is kept"


@pytest.fixture
def outputs(tmp_path):
    """The bytes of all that the stage made."""

    def read():
        return {f: f.read_bytes() for f in (tmp_path / "out").rglob("*") if f.is_file()}

    return read


@pytest.fixture
def there(root, encode):
    """Pictures of all kinds in two classes."""
    deep = Image.fromarray(np.arange(4800, dtype=np.uint16).reshape(60, 80) * 13)
    files = {f"{name}/{i}.png": 100 * c + i for c, name in enumerate("ab") for i in range(20)}
    return root(
        {
            **files,
            "a/cut.png": encode(Image.new("RGB", (90, 70)))[:-20],
            "a/empty.png": b"",
            "a/deep.png": encode(deep),
            "b/flat.png": encode(Image.new("RGB", (90, 70), "teal")),
            "b/palette.gif": encode(Image.new("P", (20, 30)), "GIF"),
            "b/copy.png": 0,
        }
    )


def falsify(max_pixels=100_000_000, hashes=True):
    """Let the file that is kept say of every picture that it is none."""
    options, made_by = {"max_pixels": max_pixels, "hashes": hashes}, stage.decoder()
    found = examinations.kept_examinations(options, made_by=made_by)
    assert found
    false = {name: replace(of, error=FALSE) for name, of in found.items()}
    examinations.write_examinations(false, options, made_by=made_by)


def test_only_new_pictures_are_decoded(there, root, ingested, refused):
    ingested(there)
    falsify()
    with refused("no usable picture is left of 'a', 'b' (46 are rejected)"):
        ingested(there, split={"seed": 1})
    root({f"{name}/{i}.png": 100 * c + i for c, name in enumerate("cd", 5) for i in range(9)})
    rows, rejected, _ = ingested(there, select={"classes": ["c", "d"]})
    assert len(rows) == 18
    assert {row["detail"] for row in rejected} == {FALSE}


def test_a_second_run_gives_the_bytes_of_a_first(there, ingested, outputs):
    ingested(there)
    ingested(there, split={"seed": 1}, select={"per_class": 12})
    second = outputs()
    examinations.PATH.unlink()
    ingested(there, split={"seed": 1}, select={"per_class": 12})
    assert outputs() == second


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"megapixels": 99}),
        ({}, {"audit": {"near_duplicates": "none"}}),
        ({"audit": {"near_duplicates": "none"}}, {}),
    ],
)
def test_what_other_parameters_decided_is_not_kept(there, ingested, before, after):
    ingested(there, **before)
    falsify(hashes="audit" not in before)
    rows, *_ = ingested(there, **after)
    assert len(rows) == 43


def test_what_other_code_found_is_not_kept(there, ingested, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(stage, "decoder", lambda: "another")
        ingested(there)
        falsify()
    assert len(ingested(there)[0]) == 43


@pytest.mark.parametrize("at", range(0, 1000, 97))
def test_what_is_damaged_is_made_anew(there, ingested, outputs, at):
    ingested(there)
    expected, content = outputs(), bytearray(examinations.PATH.read_bytes())
    content[at] ^= 4
    examinations.PATH.write_bytes(content)
    ingested(there)
    assert outputs() == expected


def test_what_is_gone_is_not_kept(there, ingested):
    ingested(there)
    size = examinations.PATH.stat().st_size
    for i in range(10, 20):
        (there / f"a/{i}.png").unlink()
    ingested(there)
    assert examinations.PATH.stat().st_size < size

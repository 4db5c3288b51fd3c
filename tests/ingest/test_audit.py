"""Every kind of defect planted in a set of pictures is found, and nothing in a clean set."""

import io
import json
import struct
import zlib
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageEnhance

from pipeline.artifacts import audits
from pipeline.ingest import copies
from pipeline.ingest.findings import Audited, Pair, leaked, near_copies
from pipeline.ingest.screening import Accepted
from pipeline.ingest.stage import ingest

SPLITS = {"train": 12, "val": 6, "test": 6}  # pictures of each class
CLASSES = ("Cubism", "Dada", "Pop")


def photo(number, size=(96, 72)):
    """A picture of its own, by its number."""
    rng = np.random.default_rng(number)
    cells = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
    return cells.resize(size, Image.Resampling.BICUBIC)


def encoded(image, format="PNG", **options):
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def clean():
    """Three classes, each artist in one part of the split."""
    files, number = {}, 0
    for split, each in SPLITS.items():
        for name in CLASSES:
            for i in range(each):
                artist = f"{split} {name} {i % 3}"
                files[f"{split}/{name}/{artist}_{i}.png"] = encoded(photo(number))
                number += 1
    return files


def original(split, name, i=0):
    """The path of a picture of the clean set."""
    return f"{split}/{name}/{split} {name} {i % 3}_{i}.png"


def copied(split, name, i, change, **options):
    """That picture, changed and encoded again."""
    data = clean()[original(split, name, i)]
    return encoded(change(Image.open(io.BytesIO(data)).convert("RGB")), **options)


def bomb():
    """A PNG that promises 50,000 x 50,000 pixels."""

    def chunk(kind, body):
        check = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + check

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"0")) + chunk(b"IEND", b"")


def damaged(data):
    broken = bytearray(data)
    broken[len(broken) // 2] ^= 0xFF
    return bytes(broken)


def turned():
    """The picture Cubism 8 stored on its side, with the EXIF orientation that puts it right."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return copied(
        "train", "Cubism", 8, lambda i: i.transpose(Image.Transpose.ROTATE_90), format="JPEG",
        exif=exif, quality=95,
    )  # fmt: skip


def same(image):
    return image


def kinds():
    """Kind -> (files, the finding, the path in it)."""
    exact = clean()
    planted = {
        "truncated file": ("train/Dada/a_cut.png", encoded(photo(900))[:-300], "unreadable"),
        "text named .jpg": ("train/Dada/a_text.jpg", b"no picture", "unreadable"),
        "empty file": ("test/Dada/a_empty.jpg", b"", "unreadable"),
        "damaged byte": ("train/Pop/a_byte.png", damaged(encoded(photo(901))), "unreadable"),
        "pixel bomb": ("train/Pop/a_bomb.png", bomb(), "unreadable"),
        "tiny picture": ("train/Pop/a_tiny.png", encoded(photo(902, (40, 15))), "too_small"),
        "exact copy, same label": (
            "train/Cubism/z_copy.png", exact[original("train", "Cubism", 1)], "duplicate",
        ),
        "exact copy across the given split": (
            "train/Cubism/a_known.png", exact[original("test", "Cubism", 1)], "duplicate_across",
        ),
        "exact copy, other label": (
            "train/Dada/z_copy.png", exact[original("train", "Cubism", 2)], "label_conflict",
        ),
        "encoded again within a split": (
            "train/Cubism/a_again.jpg", copied("train", "Cubism", 3, same, format="JPEG"),
            "near_duplicate_within",
        ),
        "encoded again across the split": (
            "test/Cubism/b_again.jpg", copied("train", "Cubism", 4, same, format="JPEG"), "leak",
        ),
        "resized copy in validation": (
            "val/Cubism/a_small.png", copied("train", "Cubism", 5, lambda i: i.resize((48, 36))),
            "near_duplicate_across",
        ),
        "slightly cropped copy": (
            "test/Cubism/b_crop.png",
            copied("val", "Cubism", 1, lambda i: i.crop((1, 1, 95, 71))), "leak",
        ),
        "grey copy": (
            "test/Cubism/b_grey.png", copied("train", "Cubism", 6, lambda i: i.convert("L")),
            "leak",
        ),
        "brighter copy": (
            "test/Cubism/b_bright.png",
            copied("train", "Cubism", 7, lambda i: ImageEnhance.Brightness(i).enhance(1.1)), "leak",
        ),
        "copy turned by EXIF": ("test/Cubism/b_turned.jpg", turned(), "leak"),
        "near copy, other label": (
            "train/Pop/z_again.jpg", copied("train", "Dada", 1, same, format="JPEG"),
            "near_duplicate_relabelled",
        ),
        "non-ASCII name": (
            "test/Cubism/Živa Łęcka_«1» 画.jpg", copied("test", "Cubism", 3, same, format="JPEG"),
            "near_duplicate_within",
        ),
        "flat picture": (
            "train/Pop/a_flat.png", encoded(Image.new("RGB", (90, 70), "teal")), "flat",
        ),
        "CMYK": ("train/Pop/a_cmyk.jpg", encoded(photo(903).convert("CMYK"), "JPEG"), "mode"),
        "palette": ("train/Pop/a_palette.gif", encoded(photo(904).quantize(16), "GIF"), "mode"),
        "16 bits": (
            "train/Pop/a_deep.png",
            encoded(Image.fromarray(np.arange(4800, dtype=np.uint16).reshape(60, 80) * 13)), "mode",
        ),
        "corrupt EXIF": (
            "train/Pop/a_exif.jpg", encoded(photo(905), "JPEG", exif=b"Exif\0\0MM\0*\0\0\xff\xff"),
            "exif",
        ),
    }  # fmt: skip
    found = {kind: ({path: data}, name, path) for kind, (path, data, name) in planted.items()}
    untested = {f"train/Naïve/c_{i}.png": encoded(photo(920 + i)) for i in range(12)}
    return found | {
        "class of one picture": (
            {"train/Vorticism/a_1.png": encoded(photo(910))}, "small_to_learn", "Vorticism",
        ),
        "class without test pictures": (untested, "small_to_test", "Naïve"),
        "artist on both sides": (
            {f"{split}/Pop/Zoë_{i}.png": encoded(photo(940 + i))
             for i, split in enumerate(["train", "test"])},
            "artists_on_both_sides", "Zoë",
        ),
    }  # fmt: skip


KINDS = kinds()


# A defect may be found twice, as by its split and by its labels.
TWICE = {
    "duplicate": "exact copy across the given split",
    "near_duplicate_within": "near copy, other label",
    "small_to_test": "class of one picture",
}


@pytest.fixture(scope="module")
def audited(ingest_params, tmp_path_factory):
    """Files of train, val and test -> the folder of what the stage wrote, its summary."""

    def run(files, **params):
        folder = tmp_path_factory.mktemp("audited")
        for name, data in files.items():
            path = folder / "raw" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        params = ingest_params(
            folder / "raw", source={"artist": "^(.+)_"}, select={"shortest_side": 32},
            split={"by": "given"}, **params,
        )  # fmt: skip
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            return folder, ingest(params)

    return run


def read(folder):
    return json.loads((folder / audits.SUMMARY).read_text("utf-8"))


@pytest.fixture(scope="module")
def planted(audited):
    """The clean set with every defect: the folder."""
    files = clean()
    for defect, *_ in KINDS.values():
        files |= defect
    return audited(files)[0]


def leaks(same=0, other=0, held_out_same=0, held_out_other=0):
    """Test pictures with copies: in training under the same labels, under others only, …"""
    return {
        "train": {"same_labels": same, "other_labels": other},
        "validation": {"same_labels": held_out_same, "other_labels": held_out_other},
    }


def found_in(finding):
    """The paths or names that a finding shows."""
    columns = ("path", "other_path", "name")
    return {row[column] for row in finding["examples"] for column in columns if column in row}


@pytest.mark.parametrize("kind", KINDS)
def test_a_planted_defect_is_found(planted, kind):
    _, name, where = KINDS[kind]
    findings = {finding["name"]: finding for finding in read(planted)["findings"]}
    assert where in found_in(findings[name])
    assert findings[name]["meaning"]


def test_nothing_else_is_found(planted):
    expected = Counter(name for _, name, _ in KINDS.values()) + Counter(TWICE.keys())
    expected["label_conflict"] += 1  # both sides are rejected
    assert {f["name"]: f["count"] for f in read(planted)["findings"]} == expected


def test_everything_is_counted(planted):
    audit = read(planted)
    assert audit["rejected"] == {
        "duplicate": 2, "label conflict": 2, "too small": 1, "unreadable": 5,
    }  # fmt: skip
    assert audit["near_duplicates"] == {"within": 3, "across": 6, "leaks": leaks(4, 0, 1)}
    assert audit["splits"] == {"train": 56, "validation": 19, "test": 25}
    assert audit["pictures"] == sum(audit["splits"].values())
    assert audit["classes"]["Naïve"] == {"train": 12, "validation": 0, "test": 0}
    assert audit["artists"]["Zoë"] == {"train": 1, "validation": 0, "test": 1}
    assert {name: sum(of.values()) for name, of in audit["modes"].items()} == {
        "RGB": 96, "CMYK": 1, "I;16": 1, "L": 1, "P": 1,
    }  # fmt: skip
    assert set(audit["formats"]) == {"PNG", "JPEG", "GIF"}
    assert audit["width"] == {"least": 48, "median": 96, "most": 96}


def test_the_tables(planted):
    tables = {f.stem: pd.read_csv(f) for f in (planted / audits.TABLES).iterdir()}
    assert set(tables) == {"counts", "near_duplicates", "pictures", "corrections"}
    near = tables["near_duplicates"].set_index("path")
    assert len(near) == 9
    assert near["distance"].is_monotonic_increasing
    row = near.loc[original("train", "Dada", 1)]
    assert (row["other_path"], row["labels"], row["other_labels"], row["split"]) == (
        "train/Pop/z_again.jpg", "Dada", "Pop", "train",
    )  # fmt: skip
    counts = tables["counts"].set_index(["of", "name"])
    assert counts.loc[("classes", "Vorticism")].tolist() == [1, 0, 0]
    assert set(tables["pictures"]["finding"]) == {"flat", "mode", "exif"}


def test_nothing_is_found_in_a_clean_set(audited):
    folder, summary = audited(clean(), audit={"leakage": "error"})
    audit = read(folder)
    assert audit["findings"] == []
    assert audit["near_duplicates"] == {"within": 0, "across": 0, "leaks": leaks()}
    assert summary == (
        "ingest: 72 pictures of 3 classes by 27 artists: 36 train, 18 validation, 18 test"
    )


def test_flat_pictures_are_no_copies_of_each_other(audited):
    flat = {
        f"{split}/Dada/{split} grey_{i}.png": encoded(Image.new("RGB", (90, 70), (i, i, i)))
        for split, levels in (("train", range(100)), ("test", range(100, 200)))
        for i in levels
    }
    folder, _ = audited(clean() | flat)
    findings = read(folder)["findings"]
    assert [(f["name"], f["count"], len(f["examples"])) for f in findings] == [("flat", 200, 20)]
    assert len(pd.read_csv(folder / audits.TABLES / "pictures.csv")) == 200


HAND_MADE = [  # split and labels of a picture, split and labels of its near copy
    ("test 1", "a", "train 1", "a"),  # known by heart
    ("test 1", "a", "train 2", "a"),  # the same picture again
    ("test 1", "a", "train 3", "b"),  # what may be right by one copy is not counted as wrong
    ("train 4", "ba", "test 2", "ab"),  # the order of labels is nothing
    ("test 3", "ab", "train 5", "a"),  # other labels
    ("test 4", "b", "validation 1", "b"),
    ("test 5", "b", "validation 1", "a"),
    ("test 5", "b", "validation 2", "b"),
    ("test 6", "c", "validation 2", "b"),
    ("test 1", "a", "validation 3", "a"),  # not in validation alone
    ("test 3", "ab", "validation 3", "a"),
    ("validation 1", "b", "train 6", "a"),
    ("validation 3", "a", "train 1", "a"),
    ("test 1", "a", "test 2", "ab"),
]


def hand_made_pairs(rows):
    def accepted(name, labels):
        return Accepted(
            name, f"{name}.png", tuple(labels), None, None, 9, 9, "PNG", "RGB", False, 1
        )

    return [
        Pair(accepted(one, labels), accepted(other, others), one.split()[0], other.split()[0], 1)
        for one, labels, other, others in rows
    ]


def hand_made(pairs, counts):
    """Findings of near copies by name; counts: pictures of each split."""
    splits = [split for split, count in counts.items() for _ in range(count)]
    examined = Audited([], splits, [], 4, hand_made_pairs(pairs), 100, pd.DataFrame())
    return {finding.name: finding for finding in near_copies(examined)}


def test_what_near_copies_do_to_an_accuracy():
    found = hand_made(HAND_MADE, {"train": 40, "validation": 9, "test": 30})
    leak = found["leak"]
    assert leak.count == 11
    assert leak.meaning == (
        "Of 30 test pictures 2 have one in training under the same labels, which may make the "
        "accuracy up to 6.7 points too high, and 1 only under others, up to 3.4 points too low. "
        "In validation alone, from which no run learns, 2 have one under the same labels and 1 "
        "only under others."
    )
    assert found["near_duplicate_across"].meaning == (
        "Of 9 validation pictures 1 have one in training under the same labels, which may make "
        "the accuracy up to 11.2 points too high, and 1 only under others, up to 11.2 points too "
        "low. The best run is chosen by it."
    )
    assert found["near_duplicate_relabelled"].count == 7


def test_leaks_are_counted_as_the_sentence_does():
    assert leaked(hand_made_pairs(HAND_MADE)) == leaks(2, 1, 2, 1)


def test_only_what_raises_an_accuracy_is_an_error(audited, refused):
    files = {
        "test/Cubism/b_other.jpg": copied("train", "Dada", 1, same, format="JPEG"),
        "test/Cubism/b_held.jpg": copied("val", "Cubism", 1, same, format="JPEG"),
    }
    folder, _ = audited(clean() | files, audit={"leakage": "error"})
    assert read(folder)["near_duplicates"]["leaks"] == leaks(0, 1, 1)
    files |= {
        f"test/Cubism/b_{i}.jpg": copied("train", "Cubism", 4, same, format="JPEG", quality=i)
        for i in (70, 90)
    }
    with refused(
        "ingest.audit.leakage is error, found 2 of 22 test pictures with near copies in training",
        "test/Cubism/b_90.jpg (test) and train/Cubism/train Cubism 1_4.png (train)",
        "(no error: 1 with copies there only under others, 1 in validation alone)",
    ):
        audited(clean() | files, audit={"leakage": "error"})


def test_copies_that_no_run_learnt_move_no_accuracy():
    pairs = [pair for pair in HAND_MADE if "validation" in pair[2] and "test" in pair[0]]
    leak = hand_made(pairs, {"test": 30})["leak"]
    assert leak.count == len(pairs)
    assert "up to 0.0 points too high, and 0 only under others, up to 0.0 points" in leak.meaning
    assert "3 have one under the same labels and 2 only under others" in leak.meaning


def test_a_bound_is_not_rounded_away():
    found = hand_made(HAND_MADE[:1], {"train": 40, "test": 3519})
    assert "1 have one in training under the same labels, which may" in found["leak"].meaning
    assert "up to 0.1 points too high" in found["leak"].meaning  # 0.03


def test_pictures_that_all_look_alike(audited, refused, monkeypatch):
    """As the digits of MNIST: tens of thousands of pairs, no copy among them."""
    monkeypatch.setattr(copies, "MOST_PAIRS", 100)
    digit = photo(1).convert("L")
    files = {}
    for i in range(60):
        changed = np.asarray(digit).copy()
        changed[i, :8] ^= 64
        files[f"{('train', 'test')[i % 2]}/Dada/digit{i % 2}_{i}.png"] = encoded(
            Image.fromarray(changed)
        )
    folder, _ = audited(clean() | files)
    found = read(folder)
    assert found["near_duplicates"] is None
    assert [(f["name"], f["count"], f["examples"]) for f in found["findings"]] == [
        ("too_alike", 100, [])
    ]
    with refused(
        "too many pairs of pictures", "within 4 bits", "lower ingest.audit.near_duplicates"
    ):
        audited(clean() | files, audit={"leakage": "error"})
    folder, _ = audited(clean() | files, audit={"near_duplicates": "none"})
    assert read(folder)["findings"] == []

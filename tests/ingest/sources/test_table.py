import json
import os
import unicodedata

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from pipeline.ingest.sources.params import TableSource
from pipeline.ingest.sources.picture import Picture
from pipeline.ingest.sources.table import table_pictures

ROWS = [
    {"file": "b/2.png", "style": "Cubism", "by": "Pablo", "part": "test"},
    {"file": "a/1.png", "style": "Naïve Art", "by": "Frida", "part": "train"},
    {"file": "a/3.png", "style": "007", "by": "", "part": ""},
]
FILES = {row["file"]: row["file"].encode() for row in ROWS}
EXPECTED = [
    ("a/1.png", ("Naïve Art",), "Frida", "train"),
    ("a/3.png", ("007",), None, None),
    ("b/2.png", ("Cubism",), "Pablo", "test"),
]
COLUMNS = {"image": "file", "labels": "style", "artist": "by", "split": "part"}


def text(rows, ending):
    """A table of `rows` as a file of this ending."""
    frame = pd.DataFrame(rows)
    if ending == "parquet":
        return frame.to_parquet()
    if ending == "jsonl":
        lines = [json.dumps(row, ensure_ascii=False) for row in rows]
        return "\n".join([*lines, "", ""]).encode()
    return frame.to_csv(index=False, sep="\t" if ending == "tsv" else ",").encode()


def found_in(folder, table, **params):
    source = TableSource(kind="table", file=table, **(COLUMNS | params))
    return list(table_pictures(source, folder))


def read(folder, table, **params):
    return [found for found in found_in(folder, table, **params) if isinstance(found, Picture)]


def facts(pictures):
    return [(p.path, p.labels, p.artist, p.split) for p in pictures]


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet"])
def test_paths_in_every_kind_of_table(write, ending):
    """In the order of the paths, whatever the order of the rows."""
    found = read(write({**FILES, f"t.{ending}": text(ROWS, ending)}), f"t.{ending}")
    assert facts(found) == EXPECTED
    assert [p.data.decode() for p in found] == [p.path for p in found]


@pytest.mark.parametrize("archive", ["x.zip", "x.tar.gz"])
def test_a_table_in_an_archive_or_beside_it(pack, write, archive):
    inside = read(pack(archive, {**FILES, "t.csv": text(ROWS, "csv")}), "t.csv", archive=archive)
    assert facts(inside) == EXPECTED
    assert [p.data.decode() for p in inside] == [p.path for p in inside]
    write({"other.jsonl": text(ROWS[:1], "jsonl")})
    beside = read(pack(archive, FILES), "other.jsonl", archive=archive)
    assert facts(beside) == EXPECTED[2:]


def test_what_paths_are_relative_to(write):
    files = {f"images/{name}": data for name, data in FILES.items()}
    paths = ["images/a/1.png", "images/a/3.png", "images/b/2.png"]
    metadata = text(ROWS, "csv")
    root = write({**files, "images/metadata.csv": metadata, "tables/t.csv": metadata})
    assert [p.path for p in read(root, "images/metadata.csv")] == paths  # as Hugging Face has it
    assert [p.path for p in read(root, "tables/t.csv", root="images")] == paths
    odd = [{**ROWS[0], "file": "./x/../b//2.png"}]
    write({"images/odd.csv": text(odd, "csv")})
    assert [p.path for p in read(root, "images/odd.csv")] == ["images/b/2.png"]


def test_several_labels(write):
    rows = [
        {"file": "a/1.png", "style": "A; B;", "genre": ["Still Life", None], "n": 5},
        {"file": "a/3.png", "style": "", "genre": ["C", "A"], "n": 6},
        {"file": "b/2.png", "style": None, "genre": None, "n": 7},
    ]
    root = write({**FILES, "t.jsonl": text(rows, "jsonl"), "t.parquet": text(rows, "parquet")})
    for table in ("t.jsonl", "t.parquet"):
        params = {"artist": None, "split": None, "separator": ";"}
        found = read(root, table, labels=["style", "genre", "n"], **params)
        assert [p.labels for p in found] == [
            ("A", "B", "Still Life", "5"),
            ("C", "A", "6"),
            ("7",),
        ]


def test_one_label_per_cell_unless_there_is_a_separator(write):
    root = write({**FILES, "t.csv": b'file,style\na/1.png,"Naive, early"\n'})
    columns = {"artist": None, "split": None}
    assert read(root, "t.csv", **columns)[0].labels == ("Naive, early",)
    assert read(root, "t.csv", separator=",", **columns)[0].labels == ("Naive", "early")


def test_what_says_that_nobody_knows_the_artist(write):
    table = b"file,style,by\na/1.png,A,Unknown Artist\na/3.png,A,Unknown\nb/2.png,B,Frida\n"
    root = write({**FILES, "t.csv": table})
    found = read(root, "t.csv", split=None, unknown=["Unknown Artist"])
    assert [p.artist for p in found] == [None, "Unknown", "Frida"]


def test_bytes_in_a_table(write):
    cells = [
        {"bytes": b"one", "path": "x/Frida_1.png"},
        {"bytes": None, "path": "2.png"},
        {"bytes": b"three", "path": None},
    ]
    rows = pa.table({"file": cells, "style": ["A", "B", "C"]})
    plain = pa.table({"file": pa.array([b"one", None, b"three"]), "style": ["A", "B", "C"]})
    root = write({})
    pq.write_table(rows, root / "t.parquet", row_group_size=2)
    pq.write_table(plain, root / "plain.parquet")
    columns = {"artist": None, "split": None}
    found = read(root, "t.parquet", **columns)
    assert [p.data for p in found] == [b"one", b"", b"three"]
    assert [p.labels for p in found] == [("A",), ("B",), ("C",)]
    assert [p.path for p in found] == [
        "t.parquet/00000/Frida_1.png",
        "t.parquet/00001/2.png",
        "t.parquet/00002",
    ]
    assert [p.data for p in read(root, "plain.parquet", **columns)] == [b"one", b"", b"three"]


def test_a_table_of_bytes_in_an_archive(pack):
    table = pd.DataFrame({"file": [b"1", b"2"], "style": ["A", "B"]}).to_parquet()
    root = pack("x.zip", {"deep/t.parquet": table})
    found = read(root, "deep/t.parquet", archive="x.zip", artist=None, split=None)
    assert [(p.data, p.labels) for p in found] == [(b"1", ("A",)), (b"2", ("B",))]


def test_unicode_forms(write):
    """A table made on Linux beside files from macOS, and the other way about."""
    split, whole = "Du\u0308rer", "D\u00fcrer"
    files = {f"{split}/1.png": b"1", f"{whole}2/2.png": b"2"}
    rows = [{"file": f"{whole}/1.png", "style": split}, {"file": f"{split}2/2.png", "style": whole}]
    found = read(write({**files, "t.csv": text(rows, "csv")}), "t.csv", artist=None, split=None)
    assert [p.data for p in found] == [b"1", b"2"]
    assert {p.labels for p in found} == {(unicodedata.normalize("NFC", split),)}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("mark", ["", "sep={}\r\n"])
def test_tables_that_people_have(write, encoding, separator, mark):
    """As spreadsheets of several countries write them."""
    lines = ["file; style ;by;part", *(";".join(row.values()) for row in ROWS)]
    table = mark.format(separator) + "\r\n".join(lines).replace(";", separator) + "\r\n"
    root = write({**FILES, "t.csv": table.encode(encoding)})
    params = {"encoding": "windows-1252"} if encoding == "cp1252" else {}
    assert facts(read(root, "t.csv", **params)) == EXPECTED
    said = [x for x in found_in(root, "t.csv", **params) if isinstance(x, str)]
    names = {",": "", ";": "semicolons", "\t": "tabs", "|": "upright strokes"}
    words = [word for word in (names[separator], encoding.upper()) if word]
    words = [word for word in words if not word.startswith("UTF-8")]
    assert said == [f"{root / 't.csv'} read with {' and '.join(words)}"] * bool(words)


def test_commas_in_a_table_with_tabs(write):
    table = "file\tstyle\na/1.png\tNaive, early\na/3.png\tNaive, late\n"
    found = read(write({**FILES, "t.csv": table.encode()}), "t.csv", artist=None, split=None)
    assert [p.labels for p in found] == [("Naive, early",), ("Naive, late",)]


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_whole_numbers_have_no_point(write, ending):
    """As pandas has them after one missing value."""
    rows = [{**row, "style": style} for row, style in zip(ROWS, (1.0, 2.0, -30.0), strict=True)]
    found = read(write({**FILES, f"t.{ending}": text(rows, ending)}), f"t.{ending}")
    assert [p.labels for p in found] == [("2",), ("-30",), ("1",)]


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        (0.5, ["has 0.5", "whole number"]),
        (float("inf"), ["has inf", "whole number"]),
        ({"a": 1}, ["{'a': 1}", "a label is a text"]),
        ("['Pop Art', 'Op Art']", ["a list written as a text", "source.separator"]),
        ('["Pop Art"]', ["a list written as a text"]),
        ("('A', 'B')", ["a list written as a text"]),
        ("['A' 'B']", ["a list written as a text"]),
        ("{'A'}", ["a list written as a text"]),
        ("[0, 3]", ["a list written as a text"]),
        ("[]", ["a list written as a text"]),
        ([["A"], "B"], ["has ['A']", "a label is a text"]),
        (1, ["'1' in style as a number, another row as a text", "make them one"]),
        ([1], ["'1' in style as a number, another row as a text"]),
    ],
)
def test_labels_that_are_doubtful(write, refused, value, parts):
    rows = [{**ROWS[0], "style": "1"}, {**ROWS[1], "style": value}]
    root = write({**FILES, "t.jsonl": text(rows, "jsonl")})
    with refused("row 2 of", *parts):
        read(root, "t.jsonl")


def test_texts_stay(write):
    styles = ("1.0", "(1957)", "[untitled]")
    rows = [{**row, "style": style} for row, style in zip(ROWS, styles, strict=True)]
    found = read(write({**FILES, "t.csv": text(rows, "csv")}), "t.csv")
    assert {p.labels for p in found} == {(style,) for style in styles}


@pytest.mark.parametrize(
    "cell",
    [
        r"b\2 x.png", "b/2%20x.png", " b/2 x.png ", "B/2 X.PNG", "b/2 x", "/b/2 x.png",
        "./b/2 x.png", r".\B\2%20X",
    ],
)  # fmt: skip
@pytest.mark.parametrize("root", [None, "in"])
def test_paths_that_are_spelt_otherwise(write, cell, root):
    top = "in/" if root else ""
    files = {f"{top}a/1.png": b"1", f"{top}b/2 x.png": b"2", f"{top}b/2.png": b"3"}
    rows = [{"file": "a/1.png", "style": "A"}, {"file": cell, "style": "B"}]
    there = write({**files, "t.jsonl": text(rows, "jsonl")})
    params = {"artist": None, "split": None, "root": root}
    found = found_in(there, "t.jsonl", **params)
    pictures = [p for p in found if isinstance(p, Picture)]
    assert [(p.path, p.data) for p in pictures] == [
        (f"{top}a/1.png", b"1"),
        (f"{top}b/2 x.png", b"2"),
    ]
    notes = [note for note in found if isinstance(note, str) and "spelt otherwise than" in note]
    assert len(notes) == (cell != "./b/2 x.png")
    assert all(f"1 path of {there / 't.jsonl'}" in note and repr(cell) in note for note in notes)


@pytest.mark.parametrize(
    ("cell", "names"),
    [("a/1", ["'a/1.jpg'", "'a/1.png'"]), ("A/2.PNG", ["'a/2.png'", "'a/2.Png'"])],
)
def test_two_files_that_may_be_meant(write, refused, cell, names):
    files = dict.fromkeys(["a/1.png", "a/1.jpg", "a/2.png", "a/2.Png"], b"x")
    there = write({**files, "t.jsonl": text([{"file": cell, "style": "A"}], "jsonl")})
    with refused("row 1 of", f"{cell!r} may be", *names):
        read(there, "t.jsonl", artist=None, split=None)


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("x/1.png", "the nearest file is 'a/1.png'"),
        ("b/22.png", "the nearest file is 'b/2.png'"),
        ("https://example.org/1.png", "an address: fetch the files first"),
        (["a/1.png"], "the nearest file is 'a/1.png'"),
        (0, "the nearest file is"),
        (True, "the nearest file is"),
    ],
)
def test_the_nearest_file(write, refused, cell, said):
    there = write({**FILES, "t.jsonl": text([{"file": cell, "style": "A"}], "jsonl")})
    with refused("names 1 file", repr(str(cell)), said):
        read(there, "t.jsonl", artist=None, split=None)


def test_a_pipe_in_a_table(write, refused):
    there = write({**FILES, "t.csv": b"file,style\npipe.png,A\n"})
    os.mkfifo(there / "pipe.png")
    os.mkfifo(there / "pipe.csv")
    (found,) = read(there, "t.csv", artist=None, split=None)
    assert found.fault.detail == "cannot be read: it is no plain file"
    with refused("pipe.csv is missing"):
        read(there, "pipe.csv", artist=None, split=None)


@pytest.mark.parametrize("ending", ["jsonl", "parquet", "csv"])
@pytest.mark.parametrize("kind", [int, float])
def test_pictures_by_number(write, ending, kind):
    rows = [{"file": kind(i), "style": "A"} for i in range(3)]
    if ending == "csv":
        rows = [{**row, "file": int(row["file"])} for row in rows]
    there = write({**{f"{i}.png": b"%d" % i for i in range(3)}, f"t.{ending}": text(rows, ending)})
    found = read(there, f"t.{ending}", artist=None, split=None)
    assert [(p.path, p.data) for p in found] == [(f"{i}.png", b"%d" % i) for i in range(3)]


# ---------------------------------------------------------------- rows that are left out

BAD = {
    "missing": ({"file": "c/9.png"}, "row 41 of", "'c/9.png' is missing; the nearest file is"),
    "no label": ({"style": " "}, "row 41 of", "has no label in style"),
    "twice": (
        {"file": "a/07.png", "style": "B"},
        "row 41 of",
        "'a/07.png' stands in rows 8, 41: the first is kept",
    ),
    "a list": ({"style": "['a']"}, "row 41 of", "a list written as a text"),
}


def forty(write, *more):
    files = {f"a/{i:02}.png": b"%d" % i for i in range(41)}
    rows = [{"file": path, "style": "AB"[i % 2]} for i, path in enumerate(files)]
    rows = [*rows[:40], *({**rows[40], **row} for row in more)]
    return write({**files, "t.csv": text(rows, "csv")})


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_row(write, refused, bad):
    row, *parts = BAD[bad]
    root = forty(write, row)
    columns = {"artist": None, "split": None}
    with refused():
        read(root, "t.csv", **columns)
    found = read(root, "t.csv", on_error="reject", **columns)
    assert len(found) == 41
    ((reason, detail),) = [p.fault for p in found if p.fault]
    assert reason == "bad row"
    assert all(part in detail for part in parts)


@pytest.mark.parametrize("column", ["style", "part"])
def test_rows_that_do_not_agree(write, column):
    rows = [{"file": f"a/{i:02}.png", "style": "A", "part": "train"} for i in range(30)]
    rows.append({**rows[3], column: "test"})
    files = {row["file"]: b"x" for row in rows}
    root = write({**files, "t.csv": text(rows, "csv")})
    found = read(root, "t.csv", artist=None, on_error="reject")
    faults = [p.fault.detail for p in found if p.fault]
    assert len(faults) == 2
    assert all("rows 4, 31: they do not agree, none is kept" in fault for fault in faults)


def test_too_many_bad_rows(write, refused):
    columns = {"artist": None, "split": None, "on_error": "reject"}
    bad = [{"file": f"x/{i}.png"} for i in range(5)]
    root = forty(write, *bad[:4])
    assert sum(p.fault is not None for p in read(root, "t.csv", **columns)) == 4
    root = forty(write, *bad)
    with refused("5 of 45 rows cannot be used", "more than a tenth", "row 41", "x/0.png"):
        read(root, "t.csv", **columns)


def test_pictures_that_no_row_names(write):
    root = write({**FILES, "t.csv": text(ROWS[:1], "csv"), "b/notes.txt": b"", "other/9.PNG": b""})
    (note,) = [x for x in found_in(root, "t.csv") if isinstance(x, str)]
    assert note == f"3 pictures beside those of {root / 't.csv'} in no row of it"


# ---------------------------------------------------------------- mistakes


@pytest.mark.parametrize("encoding", ["rot13", "base64", "undefined", "utf8000"])
def test_what_is_no_encoding_of_text(encoding):
    with pytest.raises(ValidationError, match="must be an encoding, such as utf-8"):
        TableSource(kind="table", file="t.csv", encoding=encoding, **COLUMNS)


@pytest.mark.parametrize("encoding", ["utf-16-le", "cp1252"])
def test_another_encoding_than_said(write, refused, encoding):
    root = write({**FILES, "t.csv": text(ROWS, "csv").decode().encode(encoding)})
    with refused("t.csv cannot be read as a table", "encoding", "utf-16-le"):
        read(root, "t.csv")
    assert facts(read(root, "t.csv", encoding=encoding)) == EXPECTED


@pytest.mark.parametrize("ending", ["csv", "tsv"])
@pytest.mark.parametrize("column", [0, 1, 2])
@pytest.mark.parametrize(
    ("first", "second"), [('"Kiss', 'Study 24"'), ('"Kiss', '"Night" Watch'), ('"Kiss', None)]
)
@pytest.mark.parametrize("apart", [1, 2, 7])
def test_stray_quotation_marks(write, refused, ending, column, first, second, apart):
    separator = "\t" if ending == "tsv" else ","
    rows = [["a/1.png", "A", f"title {i}"] for i in range(24)]
    rows[3][2], rows[3 + apart][2] = first, second or f"title {3 + apart}"
    order = [(i + column + 1) % 3 for i in range(3)]  # the title in each place
    lines = [[row[i] for i in order] for row in [["file", "style", "title"], *rows]]
    table = "\n".join(separator.join(line) for line in lines) + "\n"
    root = write({**FILES, f"t.{ending}": table.encode()})
    with refused(f"t.{ending} cannot be read as a table: line", "quotation mark"):
        read(root, f"t.{ending}", artist=None, split=None)


def test_cells_of_several_lines(write):
    table = (
        b'file,style,title\na/1.png,A,"Water, lilies\nat dawn, in\nParis"\n'
        b'a/3.png,"B","He said ""no"".\n\nShe, too"\n'
    )
    found = read(write({**FILES, "t.csv": table}), "t.csv", artist=None, split=None)
    assert [p.labels for p in found] == [("A",), ("B",)]


def test_a_name_that_stands_twice(write, refused):
    root = write(
        {
            **FILES,
            "t.csv": b"file,style, style\na/1.png,A,B\n",
            "t.jsonl": b'{"file": "a/1.png", "style": "A", "style": "B"}\n',
        }
    )
    with refused("t.csv", "two columns 'style'"):
        read(root, "t.csv", artist=None, split=None)
    with refused("t.jsonl", "line 1", "a key stands in it twice"):
        read(root, "t.jsonl", artist=None, split=None)


@pytest.mark.parametrize("key", ["image", "labels", "artist", "split"])
def test_a_column_that_is_not_there(write, refused, key):
    root = write({**FILES, "t.csv": text(ROWS, "csv")})
    with refused(str(root / "t.csv"), "no column 'stile'", "it has: file, style, by, part"):
        read(root, "t.csv", **{key: "stile"})


def test_paths_that_do_not_exist(write, refused, tmp_path):
    names = ["c/9.png", "/etc/passwd", "../x.png", "a", "", "x" * 300]
    (tmp_path.parent / "x.png").write_bytes(b"outside")
    rows = [*ROWS, *({**ROWS[0], "file": name} for name in names)]
    root = write({**FILES, "t.csv": text(rows, "csv")})
    first = "'c/9.png', '/etc/passwd', '../x.png', …"
    with refused(str(root / "t.csv"), "names 6 files in file", str(root), first, "source.root"):
        read(root, "t.csv")


def test_duplicate_paths(write, refused):
    rows = [*ROWS, {**ROWS[0], "style": "Other", "file": "./b/2.png"}]
    root = write({**FILES, "t.csv": text(rows, "csv")})
    with refused("lists 1 path more than once: 'b/2.png'", "keep one row", "source.separator"):
        read(root, "t.csv")


def test_a_row_without_a_label(write, refused):
    rows = [*ROWS[:2], {**ROWS[2], "style": " "}]
    root = write({**FILES, "t.csv": text(rows, "csv")})
    with refused("row 3 of", "no label in style"):
        read(root, "t.csv")


def test_a_split_that_is_none(write, refused):
    rows = [*ROWS[:2], {**ROWS[2], "part": "extra"}]
    root = write({**FILES, "t.csv": text(rows, "csv")})
    with refused("part in", "the value 'extra'", "`source.splits: {test: test, train: train}`"):
        read(root, "t.csv")
    assert facts(read(root, "t.csv", splits={"test": "test", "train": "train"})) == [
        fact for fact in EXPECTED if fact[3]
    ]


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_the_parts_of_a_split_by_number(write, refused, ending):
    rows = [{**row, "part": part} for row, part in zip(ROWS, (0, 1, 1), strict=True)]
    root = write({**FILES, f"t.{ending}": text(rows, ending)})
    with refused("the value '0'", "{'0': train}"):
        read(root, f"t.{ending}")
    found = read(root, f"t.{ending}", splits={"0": "test", "1": "train"})
    assert [p.split for p in found] == ["train", "train", "test"]


def test_files_that_are_no_table(write, refused):
    root = write(
        {
            "t.xlsx": b"x",
            "bad.jsonl": b'{"file": "a/1.png"}\n[1]\n',
            "worse.jsonl": b'{"file": \n',
            "deep.jsonl": b'{"file": ' + b"[" * 99999 + b"\n",
            "half.jsonl": b'{"file": "a/1.png", "by": ["\\udc80"]}\n',
            "wide.csv": b"file,style\na/1.png,A,1\na/3.png,B,2\n",
            "latin.jsonl": '{"file": "é"}'.encode("latin-1"),
            "cut.parquet": text(ROWS, "parquet")[:-50],
            "empty.csv": b"file,style,by,part\n",
        }
    )
    for name, reason in (("deep", "lie in each other"), ("half", r"\udc80 is half of a letter")):
        with refused(f"{name}.jsonl", "line 1 is no JSON object", reason):
            read(root, f"{name}.jsonl")
    with refused(str(root / "no.csv"), "is missing", "source.file"):
        read(root, "no.csv")
    with refused(str(root / "t.xlsx"), "must end in .csv, .tsv, .jsonl, .parquet"):
        read(root, "t.xlsx")
    with refused("bad.jsonl", "line 2 is no JSON object"):
        read(root, "bad.jsonl")
    with refused("worse.jsonl", "line 1 is no JSON object"):
        read(root, "worse.jsonl")
    with refused("wide.csv", "more cells than its header"):
        read(root, "wide.csv")
    for name in ("latin.jsonl", "cut.parquet"):
        with refused(name, "cannot be read as a table"):
            read(root, name)
    with refused("empty.csv", "has no rows"):
        read(root, "empty.csv")


@pytest.mark.parametrize("separator", [",", ";"])
@pytest.mark.parametrize("ends", ["\r", "\r\n", "\n"])
def test_ends_of_lines(write, separator, ends):
    data = text(ROWS, "csv").decode().replace(",", separator).replace("\n", ends).encode()
    assert facts(read(write(FILES | {"t.csv": data}), "t.csv")) == EXPECTED


def test_a_cell_that_is_too_long(write, refused):
    root = write({"t.csv": b'file,style\na/1.png,"' + b"x" * 200_000 + b'"\n'})
    with refused("t.csv cannot be read as a table: line 2: field larger than"):
        read(root, "t.csv")


def test_parquet_that_is_damaged_further_on(write, refused):
    root = write({})
    images = [bytes([i]) * 20_000 for i in range(200)]
    table = pa.table({"file": images, "style": [str(i) for i in range(200)]})
    pq.write_table(table, root / "t.parquet", compression="none", use_dictionary=False)
    data = bytearray((root / "t.parquet").read_bytes())
    data[20_000 * 150 - 2 : 20_000 * 151 + 200] = b"\xff" * 20_202
    (root / "t.parquet").write_bytes(data)
    with refused("t.parquet", "cannot be read as a table"):
        read(root, "t.parquet", artist=None, split=None)

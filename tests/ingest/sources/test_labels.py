import pandas as pd
import pytest

from pipeline.ingest.sources.labels import read_labels
from pipeline.ingest.sources.params import LabelTable
from pipeline.ingest.sources.tree import FolderTree

CSV = 'name,genre,born\nClaude Monet,Impressionism,1840\nFrida Kahlo,"Surrealism, Naïve Art",1907\n'


@pytest.fixture
def labels(tmp_path):
    """`labels(table, *folders)`: table is CSV text or a data frame (then Parquet)."""

    def read(table, *folders, **params):
        if isinstance(table, str):
            name = "artists.csv"
            (tmp_path / name).write_text(table, encoding="utf-8")
        else:
            name = "artists.parquet"
            table.to_parquet(tmp_path / name)
        defaults = {"table": name, "key": "name", "column": "genre"}
        return read_labels(LabelTable(**(defaults | params)), [FolderTree(tmp_path)], list(folders))

    return read


def test_several_labels_in_a_cell(labels):
    found = labels(CSV, "Claude Monet", "Frida Kahlo")
    assert found == {
        "Claude Monet": ("Impressionism",),
        "Frida Kahlo": ("Surrealism", "Naïve Art"),
    }


@pytest.mark.parametrize(
    ("cell", "separator", "expected"),
    [
        ("A;B; C", ";", ("A", "B", "C")),
        ("A, B", ";", ("A, B",)),
        ("A || B", "||", ("A", "B")),
        (" ,A,, A ,B,", ",", ("A", "B")),
        ("NA", ",", ("NA",)),  # no missing value, but what it says
        ("007", ",", ("007",)),
    ],
)
def test_separators(labels, cell, separator, expected):
    assert labels(f'name,genre\nx,"{cell}"\n', "x", separator=separator) == {"x": expected}


def test_numbers_of_a_data_frame(labels, refused):
    table = pd.DataFrame({"name": [1.0, 2.0], "genre": [7.0, 8.0]})
    assert labels(table, "1", "2") == {"1": ("7",), "2": ("8",)}
    with refused("row 2 of", "artists.parquet has 0.5", "whole number"):
        labels(table.assign(genre=[7, 0.5]), "1", "2")


def test_lists_written_as_text(labels, refused):
    with refused("row 1 of", "a list written as a text"):
        labels("name,genre\nx,\"['A', 'B']\"\n", "x", separator="|")


@pytest.mark.parametrize("encoding", ["utf-16", "windows-1252"])
def test_an_encoding(tmp_path, encoding):
    (tmp_path / "t.csv").write_bytes("name;genre\nClaude Monet;Naïve Art\n".encode(encoding))
    params = LabelTable(table="t.csv", key="name", column="genre", encoding=encoding)
    found = read_labels(params, [FolderTree(tmp_path)], ["Claude_Monet"])
    assert found == {"Claude_Monet": ("Naïve Art",)}


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("Claude_Monet", "Claude Monet"),
        ("claude monet", "CLAUDE MONET"),
        ("Claude__Monet ", "Claude Monet"),
        ("Albrecht_Du\u0308rer", "Albrecht D\u00fcrer"),
        ("Albrecht_D\u00fcrer", "albrecht du\u0308rer"),
        ("Strasse", "Straße"),
        ("01", "01"),
        ("null", "null"),
    ],
)
def test_names_that_match(labels, folder, name):
    assert labels(f"name,genre\n{name},Cubism\nOther,Pop Art\n", folder) == {folder: ("Cubism",)}


def test_numeric_names_keep_their_zeros(labels, refused):
    table = "name,genre\n01,Cubism\n1,Pop Art\n"
    assert labels(table, "01", "1") == {"01": ("Cubism",), "1": ("Pop Art",)}
    with refused("no name '001'"):
        labels(table, "001")


def test_accents_make_a_difference(labels, refused):
    with refused("no name 'Durer'", "the closest is 'Dürer'"):
        labels("name,genre\nDürer,Renaissance\nMonet,Impressionism\n", "Durer")


def test_an_alias_for_several_folders(labels):
    table = "name,genre\nAlbrecht Dürer,Renaissance\nX [1],Cubism\n"
    folders = ["Albrecht_Duerer", "Albrecht_Du\u2560\u00earer", "x (1)", "y[1]"]
    aliases = {"Albrecht_Du*rer": "Albrecht Dürer", "x (1)": "X [1]", "y[1]": "X [1]"}
    found = labels(table, *folders, aliases=aliases)
    assert list(found.values()) == [("Renaissance",)] * 2 + [("Cubism",)] * 2


def test_aliases(labels):
    found = labels(CSV, "monet", "Frida_Kahlo", aliases={"monet": "claude monet"})
    assert found["monet"] == ("Impressionism",)


def test_an_alias_that_is_no_folder(labels, refused):
    with refused("source.labels.aliases names 'Monet'", "no folder", "closest is 'Claude_Monet'"):
        labels(CSV, "Claude_Monet", "Frida_Kahlo", aliases={"Monet": "Claude Monet"})


def test_an_alias_that_is_no_row(labels, refused):
    with refused("no name 'Manet' for the folder 'monet'", "closest is 'Claude Monet'"):
        labels(CSV, "monet", aliases={"monet": "Manet"})


def test_a_missing_artist_names_the_closest(labels, tmp_path, refused):
    path = str(tmp_path / "artists.csv")
    with refused(path, "'Claud_Monet'", "closest is 'Claude Monet'", "source.labels.aliases"):
        labels(CSV, "Frida_Kahlo", "Claud_Monet")


def test_a_missing_column_lists_the_columns(labels, refused):
    for wrong in ({"key": "artist"}, {"column": "artist"}):
        with refused("no column 'artist'", "name, genre, born"):
            labels(CSV, "Claude Monet", **wrong)


@pytest.mark.parametrize("row", ["x,", "x", "x, ", 'x,","'])
def test_an_empty_cell(labels, refused, row):
    with refused("has no genre for 'x'", "fill the cell"):
        labels(f"name,genre\ny,Cubism\n{row}\n", "x")


def test_contradictory_rows(labels, refused):
    with refused("'claude_monet' twice", "different labels"):
        labels(CSV + "claude_monet,Cubism,0\n", "Claude Monet")
    assert labels(CSV + "claude_monet,Impressionism,0\n", "Claude Monet") == {
        "Claude Monet": ("Impressionism",)
    }


def test_a_parquet_table_with_lists(labels):
    table = pd.DataFrame({"name": ["A", "B"], "genre": [["Cubism", "Pop Art"], ["Cubism"]]})
    assert labels(table, "A", "B") == {"A": ("Cubism", "Pop Art"), "B": ("Cubism",)}


def test_a_parquet_table_of_strings_and_numbers(labels):
    table = pd.DataFrame({"name": [1, 22], "genre": ["Cubism,Pop Art", "Cubism"]})
    assert labels(table, "1", "22") == {"1": ("Cubism", "Pop Art"), "22": ("Cubism",)}


@pytest.mark.parametrize("cell", [None, []])
def test_an_empty_cell_of_a_parquet_table(labels, refused, cell):
    with refused("has no genre for 'B'"):
        labels(pd.DataFrame({"name": ["A", "B"], "genre": [["Cubism"], cell]}), "A", "B")


def test_an_empty_cell_of_a_row_that_no_folder_needs(labels):
    assert labels("name,genre\ny,Cubism\nx,\n", "y") == {"y": ("Cubism",)}


def test_the_byte_order_mark_of_spreadsheets(labels):
    assert labels("\ufeff" + CSV, "Claude Monet") == {"Claude Monet": ("Impressionism",)}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("t.csv", b""),
        ("t.csv", b"a,b\n1,2,3\n4,5,6,7\n"),
        ("t.csv", b"name,genre\nD\xfcrer,x\n"),
        ("t.csv", b'name,genre\n"x,y\n'),
        ("t.parquet", b"garbage"),
        ("t.parquet", b""),
    ],
)
def test_files_that_are_no_table(tmp_path, refused, name, data):
    (tmp_path / name).write_bytes(data)
    with refused(str(tmp_path / name), "cannot be read as a table"):
        read_labels(
            LabelTable(table=name, key="name", column="genre"), [FolderTree(tmp_path)], ["x"]
        )


def test_a_missing_table(tmp_path, refused):
    with refused(str(tmp_path / "t.csv"), "is missing", "source.labels.table"):
        read_labels(
            LabelTable(table="t.csv", key="name", column="genre"), [FolderTree(tmp_path)], ["x"]
        )

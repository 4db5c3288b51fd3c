import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import constants

from pipeline.ingest.sources.huggingface import huggingface_pictures
from pipeline.ingest.sources.params import HuggingFaceSource
from pipeline.ingest.sources.picture import Picture

LABELS = datasets.ClassLabel(names=["Cubism", "Naïve Art"])


def read(folder, **params):
    params = {"image": "image", "labels": "label"} | params
    found = huggingface_pictures(HuggingFaceSource(kind="huggingface", **params), folder)
    return [item for item in found if isinstance(item, Picture)]


@pytest.fixture
def parquet(tmp_path, picture):
    """`parquet({"train": 3, …})`: a folder of Parquet as `datasets` writes it, embedded bytes."""

    def make(splits, label=LABELS, value=lambda i: i % 2, top="set"):
        features = datasets.Features(
            {"image": datasets.Image(), "label": label, "by": datasets.Value("string")}
        )
        (tmp_path / top).mkdir(parents=True, exist_ok=True)
        for split, count in splits.items():
            numbers = [1000 * len(split) + i for i in range(count)]
            rows = {
                "image": [{"bytes": picture(n), "path": f"{n}.png"} for n in numbers],
                "label": [value(i) for i in range(count)],
                "by": ["Frida" if i else None for i in range(count)],
            }
            made = datasets.Dataset.from_dict(rows, features=features)
            made.to_parquet(tmp_path / top / f"{split}-00000-of-00001.parquet")
        return tmp_path

    return make


def test_parquet(parquet, picture):
    root = parquet({"train": 3, "test": 2, "validation": 1})
    found = read(root, root="set", artist="by")
    assert [p.path for p in found] == [
        "test/00000/4000.png",
        "test/00001/4001.png",
        "train/00000/5000.png",
        "train/00001/5001.png",
        "train/00002/5002.png",
        "validation/00000/10000.png",
    ]
    assert [p.split for p in found] == ["test"] * 2 + ["train"] * 3 + ["validation"]
    assert [p.data for p in found] == [picture(n) for n in (4000, 4001, 5000, 5001, 5002, 10000)]
    assert [p.labels for p in found[2:5]] == [("Cubism",), ("Naïve Art",), ("Cubism",)]
    assert [p.artist for p in found[2:5]] == [None, "Frida", "Frida"]


def test_a_single_split_prescribes_nothing(parquet):
    assert {p.split for p in read(parquet({"train": 3}), root="set")} == {None}


def test_several_labels(parquet):
    several = datasets.List(LABELS)
    root = parquet({"train": 2}, label=several, value=lambda i: [[1, 0], [1]][i])
    assert [p.labels for p in read(root, root="set")] == [("Naïve Art", "Cubism"), ("Naïve Art",)]
    text = datasets.Value("string")
    root = parquet({"train": 2}, label=text, value=lambda i: ["A;B", "B"][i], top="texts")
    found = read(root, root="texts", separator=";", labels=["label", "by"])
    assert [p.labels for p in found] == [("A", "B"), ("B", "Frida")]


def test_a_folder_of_pictures(tmp_path, picture):
    for path, number in {"train/b/2 é.png": 2, "train/a/1.png": 1, "test/a/3.png": 3}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(picture(number))
    found = read(tmp_path)
    assert [(p.path, p.labels, p.split) for p in found] == [
        ("test/00000/3.png", ("a",), "test"),
        ("train/00000/1.png", ("a",), "train"),
        ("train/00001/2 é.png", ("b",), "train"),
    ]
    assert [p.data for p in found] == [picture(n) for n in (3, 1, 2)]


@pytest.mark.usefixtures("files_left_open")
def test_a_folder_of_pictures_with_metadata(tmp_path, picture):
    (tmp_path / "metadata.csv").write_text("file_name,style\n1.png,Cubism\n2.png,Naïve Art\n")
    for number in (1, 2):
        (tmp_path / f"{number}.png").write_bytes(picture(number))
    found = read(tmp_path, labels="style")
    assert [(p.data, p.labels) for p in found] == [
        (picture(1), ("Cubism",)),
        (picture(2), ("Naïve Art",)),
    ]


def test_the_splits_of_a_set(parquet, refused):
    """Names such as data/NAME-00000-of-00001.parquet make splits of their own."""
    root = parquet({"train": 1, "holdout": 1, "extra": 1}, top="set/data")
    with refused("has the split 'extra'", "`source.splits: {holdout: test, train: train}`"):
        read(root, root="set")
    found = read(root, root="set", splits={"train": "train", "holdout": "test"})
    assert [(p.path, p.split) for p in found] == [
        ("holdout/00000/7000.png", "test"),
        ("train/00000/5000.png", "train"),
    ]
    assert {p.split for p in read(root, root="set", splits="none")} == {None}
    with refused("has no split 'rest'", "it has: "):
        read(root, root="set", splits={"rest": "train"})


# ---------------------------------------------------------------- mistakes


@pytest.mark.parametrize("key", ["image", "labels", "artist"])
def test_a_column_that_is_not_there(parquet, refused, key):
    root = parquet({"train": 1})
    with refused(str(root / "set"), "no column 'stile'", "it has: image, label, by"):
        read(root, **({"root": "set"} | {key: "stile"}))


def test_a_row_without_a_label(parquet, refused):
    root = parquet({"train": 2, "test": 1}, value=lambda i: -1 if i else 0)
    with refused("row 2 of the split 'train' has no label in label"):
        read(root, root="set")


def test_folders_that_hold_no_set(tmp_path, write, refused):
    write({"damaged/train.parquet": b"PAR1 garbage", "empty/.keep": b""})
    with refused(str(tmp_path / "nowhere"), "is not a folder"):
        read(tmp_path, root="nowhere")
    for name in ("damaged", "empty"):
        with refused(str(tmp_path / name), "datasets"):
            read(tmp_path, root=name)


def test_thumbnails_that_datasets_would_read(tmp_path, picture, refused):
    for path in ("train/a/1.png", "train/b/2.png", "train/a/@eaDir/1.png/SYNOPHOTO_THUMB_M.png"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(picture(1))
    with refused("train/a/@eaDir", "datasets would read", "kind: folder"):
        read(tmp_path)


def test_a_row_that_names_another_file(tmp_path, picture, refused):
    (tmp_path / "secret.png").write_bytes(picture(1))
    (tmp_path / "set").mkdir()
    secret = str(tmp_path / "set" / ".." / "secret.png")
    for path in (secret, "secret.png", "file://" + secret, f"zip://x::{secret}"):
        rows = {"image": [{"bytes": None, "path": path}], "label": ["a"]}
        pq.write_table(pa.table(rows), tmp_path / "set" / "train.parquet")
        with refused(repr(path), "no file of the set"):
            read(tmp_path, root="set")


def test_a_row_that_names_a_file_that_is_gone(tmp_path, picture):
    path = str(tmp_path / "set" / "gone.png")
    rows = {"image": [{"bytes": picture(1), "path": None}, {"bytes": None, "path": path}]}
    (tmp_path / "set").mkdir()
    pq.write_table(pa.table({**rows, "label": ["a", "b"]}), tmp_path / "set" / "train.parquet")
    found = read(tmp_path, root="set")
    assert [(p.path, p.data) for p in found] == [
        ("train/00000", picture(1)),
        ("train/00001/gone.png", b""),
    ]
    assert found[1].fault.detail == "cannot be read: No such file or directory"


def test_a_hub_that_cannot_be_reached(tmp_path, monkeypatch, refused):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with refused("someone/paintings cannot be opened", "needs the network", "OWNER/NAME"):
        read(tmp_path, name="someone/paintings")

"""The same pictures from every source."""

import io
import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import datasets
import pandas as pd
import pytest
from project import Project, stages_run

from pipeline.core.dotted import dotted
from pipeline.core.parquet import Shards
from pipeline.ingest.params import Ingest
from pipeline.ingest.sources.opening import open_source
from pipeline.ingest.sources.picture import Picture
from pipeline.ingest.stage import ingest

SPLITS = {"train": 3, "test": 2, "validation": 1}  # pictures of each class
CLASSES = ("Cubism", "Naïve Art")


@pytest.fixture
def pictures(picture):
    return painted(picture, SPLITS)


def painted(picture, counts):
    """So many of each class for each split, in the order of their paths."""
    made = [
        Picture(picture(100 * s + 10 * i + c), f"{split}/{name}/Ana_{i}.png", (name,), "Ana", split)
        for s, (split, count) in enumerate(counts.items())
        for c, name in enumerate(CLASSES)
        for i in range(count)
    ]
    return sorted(made, key=lambda p: p.path.split("/"))


def rows(pictures):
    return [
        {"file_name": p.path, "style": p.labels[0], "by": p.artist, "part": p.split}
        for p in pictures
    ]


def folder(root, pictures):
    for picture in pictures:
        path = root / picture.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture.data)
    return {"kind": "folder", "artist": "^(.+)_"}


def packed(name):
    def make(root, pictures):
        write_archive(root / name, {f"in/{p.path}": p.data for p in pictures})
        return {"kind": "folder", "archive": name, "root": "in", "artist": "^(.+)_"}

    return make


def write_archive(path, files):
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in files.items():
                archive.writestr(name, data)
        return
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def table(ending):
    def make(root, pictures):
        folder(root, pictures)
        frame = pd.DataFrame(rows(pictures)[::-1])
        if ending == "parquet":
            frame.to_parquet(root / "t.parquet")
        elif ending == "jsonl":
            frame.to_json(root / "t.jsonl", orient="records", lines=True)
        else:
            frame.to_csv(root / f"t.{ending}", sep="\t" if ending == "tsv" else ",", index=False)
        return described("table", file=f"t.{ending}", image="file_name", split="part")

    return make


def table_in_zip(root, pictures):
    lines = pd.DataFrame(rows(pictures)).to_csv(index=False).encode()
    write_archive(root / "x.zip", {"metadata.csv": lines, **{p.path: p.data for p in pictures}})
    source = {"file": "metadata.csv", "image": "file_name", "split": "part"}
    return described("table", archive="x.zip", **source)


def table_of_bytes(root, pictures):
    frame = pd.DataFrame(rows(pictures)).assign(image=[p.data for p in pictures])
    frame.to_parquet(root / "t.parquet")
    return described("table", file="t.parquet", image="image", split="part")


def webdataset(root, pictures):
    for split in SPLITS:
        files = {}
        for i, picture in enumerate(p for p in pictures if p.split == split):
            facts = {"style": list(picture.labels), "by": picture.artist}
            files |= {f"{i:04}.png": picture.data, f"{i:04}.json": json.dumps(facts).encode()}
        write_archive(root / f"{split}-0000.tar", files)
    shards = {split: f"{split}-*.tar" for split in SPLITS}
    return {"kind": "webdataset", "shards": shards, "labels": "json.style", "artist": "json.by"}


def huggingface(root, pictures):
    for split in SPLITS:
        rows = [p for p in pictures if p.split == split]
        features = datasets.Features(
            {
                "image": datasets.Image(),
                "style": datasets.ClassLabel(names=list(CLASSES)),
                "by": datasets.Value("string"),
            }
        )
        columns = {
            "image": [{"bytes": p.data, "path": None} for p in rows],
            "style": [CLASSES.index(p.labels[0]) for p in rows],
            "by": [p.artist for p in rows],
        }
        made = datasets.Dataset.from_dict(columns, features=features)
        made.to_parquet(root / f"{split}-00000-of-00001.parquet")
    return described("huggingface", image="image")


def imagefolder(root, pictures):
    """With a metadata.csv in each split, as the library wants it."""
    folder(root, pictures)
    for split in SPLITS:
        lines = [row for row in rows(pictures) if row["part"] == split]
        frame = pd.DataFrame(lines).drop(columns="part")
        frame["file_name"] = frame["file_name"].str.removeprefix(f"{split}/")
        frame.to_csv(root / split / "metadata.csv", index=False)
    return described("huggingface", image="image")


def described(kind, **params):
    return {"kind": kind, "labels": "style", "artist": "by", **params}


MADE = {
    "folder": folder,
    **{name: packed(name) for name in ("x.zip", "x.tar", "x.tar.gz")},
    **{ending: table(ending) for ending in ("csv", "tsv", "jsonl", "parquet")},
    "table in zip": table_in_zip,
    "table of bytes": table_of_bytes,
    "webdataset": webdataset,
    "huggingface": huggingface,
}


@pytest.mark.parametrize("how", MADE)
def test_the_same_pictures_in_the_same_order(tmp_path, pictures, ingest_params, how):
    check(pictures, ingest_params(tmp_path, source=MADE[how](tmp_path, pictures)))


@pytest.mark.usefixtures("files_left_open")
def test_the_same_pictures_from_an_imagefolder(tmp_path, pictures, ingest_params):
    check(pictures, ingest_params(tmp_path, source=imagefolder(tmp_path, pictures)))


def test_the_same_rows_for_all_that_follows(tmp_path, pictures, ingest_params, monkeypatch):
    found = []
    for how, make in MADE.items():
        root, out = tmp_path / how, tmp_path / f"{how} out"
        root.mkdir()
        out.mkdir()
        monkeypatch.chdir(out)
        ingest(ingest_params(root, source=make(root, pictures), split={"by": "given"}))
        table = Shards(out / "data/images").read(["image_id", "image", "labels", "artist", "split"])
        found.append(table.set_column(1, "image", table["image"].combine_chunks().field("bytes")))
    assert all(table.equals(found[0]) for table in found)


@pytest.mark.slow(reason="runs dvc")
def test_the_same_metrics_through_dvc(tmp_path, picture):
    """A network that learns from the pictures in their order; some paths differ, nothing else."""
    pictures = painted(picture, {"train": 9, "test": 6, "validation": 3})
    run = {
        "kind": "snn", "hidden": [8], "dropout": 0.0, "learning_rate": 0.1, "batch_size": 4,
        "epochs": 5, "clip": "none", "patience": "none", "input": "pixels", "normalize": "zscore",
        "folds": "none", "threshold": 0.5, "repeats": 2, "seed": 0,
    }  # fmt: skip
    project = Project(tmp_path / "project")
    project.set(classifiers={"snn": run}, cnns={}, stacks={}, sweeps={}, comparisons={})
    project.set(**{"pixels.size": 8, "ingest.split.by": "given"})
    follow = ["pixels", "classifier@snn", "evaluate"]
    found = []
    for name, make, ran in (
        ("folder", folder, follow),
        ("table", table("csv"), []),  # data/images has the same bytes
        ("tar", packed("x.tar"), follow),
        ("huggingface", huggingface, follow),
    ):
        root = project.folder / "data/raw" / name
        root.mkdir(parents=True)
        source = make(root, pictures)
        project.set(**{"ingest.input": f"data/raw/{name}", "ingest.source": source})
        assert stages_run(project.run("dvc", "repro", "evaluate")) == ["ingest", *ran]
        rows = Shards(project.folder / "data/images").read(["image_id", "labels", "split"])
        found.append((rows.to_pylist(), (project.folder / "reports/metrics.json").read_bytes()))
    assert len(found[0][0]) == len(pictures)
    assert all(results == found[0] for results in found)


def check(pictures, params):
    source = params.source
    found = list(open_source(source, Path(params.input)))
    facts = [(p.data, p.labels, p.artist, p.split) for p in found]
    assert facts == [(p.data, p.labels, p.artist, p.split) for p in pictures]
    assert len({p.path for p in found}) == len(found)


def test_every_kind_has_a_source():
    for model in Ingest.model_fields["source"].annotation.__args__:
        assert callable(dotted(model.reader))


def test_what_takes_seconds_to_import_is_imported_by_those_who_need_it():
    code = (
        "import sys, pipeline.ingest.stage, pipeline.ingest.sources.generated.painter; "
        "print({'torch', 'torchvision', 'datasets', 'huggingface_hub'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"

"""One bit of any file between two stages flipped, or its end cut off: the next stage says so."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from PIL import Image
from ruamel.yaml import YAML

# Each kind of file, and a stage that reads it.
READERS = {
    "data/images/*.parquet": "pixels",
    "data/vectors/*.parquet": "layers",
    "data/features/*.parquet": "pca",
    "data/components/*.parquet": "classifier@snn",
    "data/pixels/pixels.npy": "cnn@lenet",
    "data/pixels/pixels.json": "cnn@lenet",
    "data/predictions/logistic.parquet": "stack@stacked",
    "data/stacked/stacked.parquet": "evaluate",
    "models/backbone.safetensors": "predict logistic",
    "models/backbone.json": "features",
    "models/novelty.safetensors": "predict logistic",
    "models/novelty.json": "predict logistic",
    "models/pca.safetensors": "predict logistic",
    "models/pca.json": "predict logistic",
    "models/runs/logistic.safetensors": "predict logistic",
    "models/runs/logistic.json": "predict logistic",
    "models/stacks/stacked.safetensors": "predict stacked",
    "models/stacks/stacked.json": "predict stacked",
    "models/conformal.json": "predict logistic",
    "models/cnns/small_cnn.safetensors": "report",
    "models/cnns/small_cnn.json": "report",
    "reports/history/snn.csv": "evaluate",
    "reports/history/snn.json": "evaluate",
    "reports/training/snn.json": "report",
    "reports/audit.json": "report",
    "reports/layers.csv": "report",
    "reports/layers.json": "report",
    "reports/explained_variance.csv": "report",
    "reports/explained_variance.json": "report",
    "reports/scores.csv": "report",
    "reports/scores.json": "report",
    "reports/curves.csv": "report",
    "reports/per_class.csv": "report",
    "reports/thresholds.csv": "report",
    "reports/roc.csv": "report",
    "reports/folds.csv": "report",
    "reports/confusion/snn.csv": "report",
    "reports/sweeps/*.csv": "report",
    "reports/sweeps/*.json": "report",
    "reports/comparisons/*.csv": "report",
    "reports/comparisons/*.json": "report",
    "reports/explanations/small_cnn.parquet": "report",
    "reports/curve/*.csv": "report",
    "reports/curve.json": "report",
    "reports/insight/*.csv": "report",
    "reports/insight/*.json": "report",
    "reports/insight.json": "report",
}  # fmt: skip


# Files that no stage reads, or none but the stage that makes them, anew where they are damaged.
UNREAD = ("data/examined.parquet", "data/rejected.csv", "reports/audit/", "reports/metrics.json",
          "reports/index.html", "reports/insight/changed.parquet",
          "reports/summary.txt")  # fmt: skip


@pytest.fixture(scope="module")
def photo(made_project_copy):
    path = made_project_copy.folder / "photo.png"
    Image.new("RGB", (64, 64)).save(path)
    return path


def damaged(content: bytes, seed: int) -> bytes:
    """Cut off, or with one bit of one byte other than it was."""
    if seed == 0:
        return content[: len(content) // 2]
    dice = random.Random(seed)
    changed = bytearray(content)
    changed[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
    return bytes(changed)


@pytest.mark.slow(reason="a hundred commands")
@pytest.mark.parametrize("pattern", READERS)
def test_a_damaged_file_is_refused_in_one_line(made_project_copy, photo, pattern):
    project, (reader, *run) = made_project_copy, READERS[pattern].split()
    path = sorted(project.folder.glob(pattern))[0]
    content = path.read_bytes()
    kept, aside = project.folder / "data/pixels", project.folder / "data/aside"
    if reader == "pixels":
        kept.rename(aside)  # it would read no picture again
    command = project.command(reader) if not run else [
        "python", "-m", "pipeline.predict", "--run", *run, photo.name
    ]  # fmt: skip
    try:
        for seed in range(3):
            path.unlink()  # it may be a link into the cache
            path.write_bytes(damaged(content, seed))
            said = project.run(*command, status=2)
            assert len(said.splitlines()) == 1, said
            assert said.startswith("error: ")
            assert path.stem in said
            assert "dvc repro" in said
    finally:
        path.unlink()
        path.write_bytes(content)
        if reader == "pixels":
            aside.rename(kept)


def test_every_kind_of_file_between_stages_is_tried(made_project_copy):
    folder = made_project_copy.folder
    lock = YAML(typ="safe").load(folder / "dvc.lock")["stages"]
    outs = [folder / out["path"] for stage in lock.values() for out in stage["outs"]]
    files = [file for out in outs for file in (out.rglob("*.*") if out.is_dir() else [out])]
    names = {str(file.relative_to(folder)) for file in files}
    kinds = {(Path(pattern).parent, Path(pattern).suffix) for pattern in READERS}
    assert [
        name
        for name in sorted(names)
        if not name.startswith(UNREAD) and (Path(name).parent, Path(name).suffix) not in kinds
    ] == []

"""Stage pca: fitted on training pictures, in one process or several, with bad input named."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import processes
import pyarrow as pa
import pytest
from project import ROOT
from sklearn.decomposition import PCA

from pipeline.artifacts.components import components_schema
from pipeline.artifacts.images import images_schema
from pipeline.artifacts.vectors import VectorStore
from pipeline.compute.distributed import World
from pipeline.core.parquet import Shards, from_column, read_rows, shard_ids, write_shards
from pipeline.pca.estimator import StreamingPCA
from pipeline.pca.files import load_pca
from pipeline.pca.params import Pca
from pipeline.pca.stage import explained_variance, fit, project

ROWS, COLUMNS = 300, 40
SPLITS = ["train", "validation", "test"]
ALONE = World()
TORCHRUN = ["torchrun", "--standalone", "--nproc-per-node"]


def params(components, **options):
    values = {"components": components, "whiten": False, "sample": "none", "seed": 0, **options}
    return Pca.model_validate(values)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with params.yaml, images and features, and the vectors."""
    folder = tmp_path_factory.mktemp("pca")
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(ROWS, 8)) @ rng.normal(size=(8, COLUMNS)) + 3).astype(np.float16)
    ids = [f"{i * 2654435761 % 2**64:016x}" for i in range(ROWS)]
    rows = [
        {
            "image_id": image_id, "image": {"bytes": b"", "path": ""}, "labels": ["a"],
            "artist": None, "split": SPLITS[i % 3], "width": 1, "height": 1,
        }
        for i, image_id in enumerate(ids)
    ]  # fmt: skip
    schema = images_schema(classes=["a"])
    write_shards(folder / "images", schema, [pa.RecordBatch.from_pylist(rows, schema)])
    store = VectorStore.of(folder / "features", COLUMNS, {"layer": "pooled", "digest": "1"})
    position = dict(zip(ids, range(ROWS), strict=True))
    for path in Shards(folder / "images").paths:
        some = shard_ids(path)
        store.write(some, X[[position[i] for i in some]], mode="painted")
    text = (ROOT / "params.yaml").read_text().replace("components: 100 ", "components: 4 ")
    (folder / "params.yaml").write_text(text)
    return folder, X


@pytest.fixture
def place(made, tmp_path):
    """A copy of the folder to change."""
    return shutil.copytree(made[0], tmp_path / "place")


@pytest.fixture
def opened(place):
    return Shards(place / "images"), VectorStore.open(place / "features")


def run(folder: Path, *launcher: str, status: int = 0) -> str:
    arguments = ["images", "features", "pca.safetensors", "components", "variance.csv"]
    command = [*(launcher or ["python"]), "-m", "pipeline.stages.pca", *arguments]
    return processes.run(*command, folder=folder, status=status, PYTHONPATH=str(ROOT))


def test_only_training_pictures_count(made, opened):
    pca = fit(*opened, params(4), ALONE)
    expected = PCA(4).fit(made[1][::3].astype(float))
    overlap = np.linalg.svd(pca.components_ @ expected.components_.T)[1]
    np.testing.assert_allclose(overlap, 1, atol=1e-5)
    assert pca.n_samples_ == ROWS / 3


def test_all_pictures_are_projected_in_their_order(made, opened, tmp_path):
    images, features = opened
    pca = fit(images, features, params(4), ALONE)
    schema = components_schema("components", np.float32, 4)
    project(images, features, pca, schema, tmp_path / "components", world=ALONE)
    written = Shards(tmp_path / "components")
    assert [p.name for p in written.paths] == [p.name for p in images.paths]
    table = written.read(["image_id", "labels", "split", "components"])
    columns = ["image_id", "labels", "split"]
    assert table.select(columns).to_pylist() == images.read(columns).to_pylist()
    expected = pca.transform(made[1])
    np.testing.assert_allclose(from_column(table["components"]), expected, atol=1e-5)


def test_features_go_through(made, opened, tmp_path):
    assert fit(*opened, params("none"), ALONE) is None
    schema = components_schema("components", np.float32, COLUMNS)
    project(*opened, None, schema, tmp_path / "components", world=ALONE)
    found = from_column(Shards(tmp_path / "components").read(["components"])["components"])
    np.testing.assert_array_equal(found, made[1].astype(np.float32))


@pytest.mark.parametrize(
    ("components", "options", "parts"),
    [
        (41, {}, ["pca.components is 41", "100 training pictures of 40 features", "at most 40"]),
        (30, {"sample": 20}, ["100 training pictures, of which 20 are drawn", "at most 20"]),
    ],
)
def test_too_many_components(opened, refused, components, options, parts):
    with refused(*parts):
        fit(*opened, params(components, **options), ALONE)


def test_processes_find_what_one_finds(place):
    assert "pca: 4 components hold" in run(place)
    alone = load_pca(place / "pca.safetensors")[0]
    one = Shards(place / "components").read(["image_id", "components"])
    output = run(place, *TORCHRUN, "2")
    assert output.count("pca: 4 components hold") == 1
    together = load_pca(place / "pca.safetensors")[0]
    np.testing.assert_allclose(
        together.explained_variance_ratio_, alone.explained_variance_ratio_, rtol=1e-4
    )
    two = Shards(place / "components").read(["image_id", "components"])
    assert two["image_id"].equals(one["image_id"])
    found, expected = (from_column(t["components"]) for t in (two, one))
    np.testing.assert_allclose(found, expected, atol=1e-2)
    assert not list(place.glob(".*"))


def damaged(path, features):
    path.write_bytes(path.read_bytes()[:200])


def missing(path, features):
    path.unlink()


def other_dimension(path, features):
    """What another backbone left there."""
    ids = read_rows(path, ["image_id"])["image_id"].to_pylist()
    other = VectorStore.of(features.folder, COLUMNS + 1, features.provenance)
    other.write(ids, np.zeros((len(ids), COLUMNS + 1), np.float16), mode="painted")


@pytest.mark.parametrize(
    ("change", "said"),
    [(damaged, "is damaged"), (missing, "is missing"), (other_dimension, "other columns")],
)
def test_a_shard_in_the_middle_is_named(place, change, said):
    run(place)
    before = {p: p.read_bytes() for p in place.rglob("*") if p.is_file()}
    features = VectorStore.open(place / "features")
    path = sorted(features.folder.iterdir())[1]
    change(path, features)
    output = run(place, status=2)
    assert output.startswith(f"error: features/{path.name} ")
    assert said in output
    assert output.count("\n") == 1
    kept = {p: p.read_bytes() for p in place.rglob("*") if p.is_file() and p != path}
    assert kept.items() <= before.items()


def test_a_process_that_dies(place):
    """One line each: what was wrong, and that another has ended; nothing is left half-written."""
    features = VectorStore.open(place / "features")
    bad = features.path(shard_ids(Shards(place / "images").paths[1]))  # of the second process
    whole = bad.read_bytes()
    bad.write_bytes(whole[:4] + bytes(len(whole) // 2) + whole[4 + len(whole) // 2 :])
    output = run(place, *TORCHRUN, "2", status=1)
    assert f"error: features/{bad.name} is damaged" in output
    assert f'File "{ROOT}/pipeline' not in output
    assert not (place / "components").exists()
    assert not list(place.glob(".*"))
    bad.write_bytes(whole)
    assert "pca: 4 components hold" in run(place)


def test_more_processes_than_shards(place):
    for path in Shards(place / "images").paths[1:]:
        path.unlink()
    output = run(place, *TORCHRUN, "2")
    assert "pca 1/2: idle, 1 shard for 2 processes" in output
    assert output.count("pca: 4 components hold") == 1


def test_table_of_explained_variance():
    X = np.diag([2.0, 1.0, 0.0])[:, :2] * [[1], [1], [0]]
    pca = StreamingPCA(2).fit(np.vstack([X, -X]))
    table = explained_variance(pca)
    assert list(table.columns) == ["component", "ratio", "cumulative"]
    assert table.to_numpy().tolist() == [[1, 0.8, 0.8], [2, 0.2, 1.0]]
    assert len(explained_variance(None)) == 0

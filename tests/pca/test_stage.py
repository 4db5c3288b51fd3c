"""Stage pca: fitted on training pictures, in one process or several, with bad input named."""

from __future__ import annotations

import numpy as np
import processes
import pytest
from project import ROOT

from pipeline.artifacts import components, images, models
from pipeline.artifacts.vectors import FEATURES, VectorStore
from pipeline.core.parquet import Shards, from_column, read_rows, shard_ids
from pipeline.pca.decomposition import fit_components
from pipeline.pca.files import Projection, load_pca
from pipeline.pca.stage import explained_variance

TORCHRUN = ["torchrun", "--standalone", "--nproc-per-node"]


def run(place, *launcher, status=0):
    command = [*(launcher or ["python"]), "-m", "pipeline", "pca"]
    return processes.run(*command, folder=place, status=status, PYTHONPATH=str(ROOT))


def test_processes_find_what_one_finds(place):
    assert "pca: 4 components hold" in run(place)
    alone = load_pca(models.pca_path())[0]
    one = Shards(components.PATH).read(["image_id", "components"])
    output = run(place, *TORCHRUN, "2")
    assert output.count("pca: 4 components hold") == 1
    together = load_pca(models.pca_path())[0]
    np.testing.assert_allclose(
        together.components.explained_variance_ratio,
        alone.components.explained_variance_ratio,
        rtol=1e-4,
    )
    two = Shards(components.PATH).read(["image_id", "components"])
    assert two["image_id"].equals(one["image_id"])
    found, expected = (from_column(t["components"]) for t in (two, one))
    np.testing.assert_allclose(found, expected, atol=1e-2)
    assert not list(place.rglob(".*"))


def damaged(path, features):
    path.write_bytes(path.read_bytes()[:200])


def missing(path, features):
    path.unlink()


def other_dimension(path, features):
    """What another backbone left there."""
    ids = read_rows(path, ["image_id"])["image_id"].to_pylist()
    other = VectorStore.of({"widths": [["last", features.dimension + 1]]}, FEATURES)
    other.write(ids, np.zeros((len(ids), features.dimension + 1), np.float16), mode="painted")


@pytest.mark.parametrize(
    ("change", "said"),
    [(damaged, "is damaged"), (missing, "is missing"), (other_dimension, "other columns")],
)
def test_a_shard_in_the_middle_is_named(place, change, said):
    run(place)
    before = {p: p.read_bytes() for p in place.rglob("*") if p.is_file()}
    features = VectorStore.open()
    path = sorted(features.folder.iterdir())[1]
    change(path, features)
    output = run(place, status=2)
    assert output.startswith(f"error: data/features/{path.name} ")
    assert said in output
    assert output.count("\n") == 1
    kept = {p: p.read_bytes() for p in place.rglob("*") if p.is_file() and p != place / path}
    assert kept.items() <= before.items()


def test_a_process_that_dies(place):
    """One line each: what was wrong, and that another has ended; nothing is left half-written."""
    features = VectorStore.open()
    bad = features.path(shard_ids(Shards(images.PATH).paths[1]))  # of the second process
    whole = bad.read_bytes()
    bad.write_bytes(whole[:4] + bytes(len(whole) // 2) + whole[4 + len(whole) // 2 :])
    output = run(place, *TORCHRUN, "2", status=1)
    assert f"error: data/features/{bad.name} is damaged" in output
    assert f'File "{ROOT}/pipeline' not in output
    assert not components.PATH.exists()
    assert not list(place.rglob(".*"))
    bad.write_bytes(whole)
    assert "pca: 4 components hold" in run(place)


def test_more_processes_than_shards(place):
    for path in Shards(images.PATH).paths[1:]:
        path.unlink()
    output = run(place, *TORCHRUN, "2")
    assert "pca 1/2: idle, 1 shard for 2 processes" in output
    assert output.count("pca: 4 components hold") == 1


def test_table_of_explained_variance():
    X = np.diag([2.0, 1.0, 0.0])[:, :2] * [[1], [1], [0]]
    found = fit_components(lambda: iter([np.vstack([X, -X])]), 2)
    table = explained_variance(Projection(found, whiten=False))
    assert list(table.columns) == ["component", "ratio", "cumulative"]
    assert table.to_numpy().tolist() == [[1, 0.8, 0.8], [2, 0.2, 1.0]]
    assert len(explained_variance(None)) == 0

"""A PCA of the training pictures, and the components of all."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from pipeline.artifacts import components, images
from pipeline.artifacts.components import components_schema
from pipeline.artifacts.vectors import VectorStore
from pipeline.compute.distributed import World
from pipeline.core.parquet import Shards, from_column
from pipeline.pca.params import Pca
from pipeline.pca.projection import fit, project

ALONE = World()


def params(components, **options):
    values = {"components": components, "whiten": False, "sample": "none", "seed": 0, **options}
    return Pca.model_validate(values)


@pytest.fixture
def opened(place):
    return Shards(images.PATH), VectorStore.open()


def test_only_training_pictures_count(painted, opened):
    pca = fit(*opened, params(4), ALONE).components
    expected = PCA(4).fit(painted[1][::3].astype(float))
    overlap = np.linalg.svd(pca.components @ expected.components_.T)[1]
    np.testing.assert_allclose(overlap, 1, atol=1e-5)
    assert pca.samples == opened[0].rows / 3


def test_all_pictures_are_projected_in_their_order(painted, opened):
    pictures, features = opened
    pca = fit(pictures, features, params(4), ALONE)
    project(pictures, features, pca, components_schema(4), components.PATH, world=ALONE)
    written = Shards(components.PATH)
    assert [p.name for p in written.paths] == [p.name for p in pictures.paths]
    table = written.read(["image_id", "labels", "split", "components"])
    columns = ["image_id", "labels", "split"]
    assert table.select(columns).to_pylist() == pictures.read(columns).to_pylist()
    expected = pca(painted[1])
    np.testing.assert_allclose(from_column(table["components"]), expected, atol=1e-5)


def test_features_go_through(painted, opened):
    assert fit(*opened, params("none"), ALONE) is None
    schema = components_schema(opened[1].dimension)
    project(*opened, None, schema, components.PATH, world=ALONE)
    found = from_column(Shards(components.PATH).read(["components"])["components"])
    np.testing.assert_array_equal(found, painted[1].astype(np.float32))


def test_auto_is_as_many_components_as_there_can_be(opened, monkeypatch):
    assert len(fit(*opened, params("auto"), ALONE).components.components) == 40
    assert len(fit(*opened, params("auto", sample=20), ALONE).components.components) == 19
    monkeypatch.setattr("pipeline.pca.projection.AUTO_COMPONENTS", 7)
    assert len(fit(*opened, params("auto"), ALONE).components.components) == 7


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

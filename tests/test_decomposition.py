import json

import numpy as np
import pyarrow as pa
import pytest
from sklearn import decomposition
from sklearn.utils.estimator_checks import parametrize_with_checks

from pipeline.decomposition import COLUMNS, PCA, ROWS, load_pca, save_pca
from pipeline.params import Pca
from pipeline.stages.pca import explained_variance, fit, project
from pipeline.tables import Shards, from_vectors, vector_rows, vectors_schema, write_shards

SHAPES = [(60, 500), (500, 60), (50, 50)]


def correlated(rows, columns, *, rank=None, seed=0):
    """(rows, columns) with standard deviations falling as 1 / k along `rank` directions."""
    rng = np.random.default_rng(seed)
    rank = min(rows, columns) if rank is None else rank
    factors = rng.standard_normal((rows, rank)) / np.arange(1, rank + 1)
    return factors @ rng.standard_normal((rank, columns)) + 3 * rng.standard_normal(columns)


def oracle(X, n_components):
    """scikit-learn's exact PCA in float64, its signs as ours: the largest entry is positive."""
    pca = decomposition.PCA(n_components, svd_solver="full").fit(np.asarray(X, np.float64))
    largest = np.abs(pca.components_).argmax(1)
    signs = np.sign(pca.components_[np.arange(n_components), largest])
    pca.components_ *= signs[:, None]
    return pca


@parametrize_with_checks([PCA(n_components=1)])
@pytest.mark.filterwarnings("ignore:SCIPY_ARRAY_API is not set")
def test_scikit_learn_conventions(estimator, check):
    check(estimator)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(np.float64, 1e-9), (np.float32, 1e-4), (np.float16, 1e-4)]
)
def test_against_scikit_learn(shape, dtype, tolerance):
    X = correlated(*shape).astype(dtype)
    new = correlated(20, shape[1], seed=1).astype(dtype)
    found, expected = PCA(10).fit(X), oracle(X, 10)
    kept = np.float64 if dtype == np.float64 else np.float32
    scale = np.sqrt(expected.explained_variance_[0])
    np.testing.assert_allclose(found.mean_, expected.mean_, rtol=tolerance)
    np.testing.assert_allclose(found.components_, expected.components_, atol=tolerance)
    np.testing.assert_allclose(
        found.explained_variance_, expected.explained_variance_, rtol=tolerance
    )
    np.testing.assert_allclose(
        found.explained_variance_ratio_, expected.explained_variance_ratio_, rtol=tolerance
    )
    for data in (X, new):
        projected = found.transform(data)
        reference = expected.transform(data.astype(np.float64))
        assert projected.dtype == kept
        np.testing.assert_allclose(projected, reference, atol=3 * tolerance * scale)
        np.testing.assert_allclose(
            found.inverse_transform(projected),
            expected.inverse_transform(reference),
            atol=3 * tolerance * scale,
        )
    assert found.n_components_ == 10
    assert found.n_features_in_ == shape[1]
    assert list(found.get_feature_names_out()) == [f"pca{i}" for i in range(10)]


def test_blocks_make_no_difference():
    """More columns and rows than are converted at a time."""
    for X in (correlated(30, COLUMNS + 5, rank=30), correlated(2 * ROWS + 3, 40)):
        found, expected = PCA(8).fit(X), oracle(X, 8)
        np.testing.assert_allclose(found.components_, expected.components_, atol=1e-9)
        np.testing.assert_allclose(found.transform(X), expected.transform(X), atol=1e-8)


@pytest.mark.parametrize("offset", [100, -1000])
def test_a_large_mean_costs_no_accuracy(offset):
    X = (correlated(60, 500) + offset).astype(np.float32)
    found, expected = PCA(5).fit(X), oracle(X, 5)
    np.testing.assert_allclose(found.explained_variance_, expected.explained_variance_, rtol=1e-4)
    np.testing.assert_allclose(found.components_, expected.components_, atol=1e-3)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize(
    ("shape", "rank", "n_components"),
    [
        ((20, 500), 20, 20),  # as many components as pictures: centred, their rank is 19
        ((59, 60), 59, 59),
        ((60, 60), 60, 60),
        ((500, 40), 40, 40),
        ((60, 500), 10, 40),  # as where pictures nearly repeat
        ((500, 60), 10, 40),
    ],
)
def test_components_are_orthonormal_beyond_the_rank(shape, rank, n_components, dtype):
    X = correlated(*shape, rank=rank).astype(dtype)
    found = PCA(n_components).fit(X)
    components = found.components_.astype(np.float64)
    np.testing.assert_allclose(components @ components.T, np.eye(n_components), atol=1e-5)
    assert found.explained_variance_ratio_.sum() == pytest.approx(1, abs=1e-4)
    projected = found.transform(X)
    np.testing.assert_allclose(
        projected.var(0, ddof=1),
        found.explained_variance_,
        atol=2e-5 * found.explained_variance_[0],
    )
    back = found.inverse_transform(projected)
    expected = oracle(X, n_components).inverse_transform(oracle(X, n_components).transform(X))
    np.testing.assert_allclose(back, expected, atol=1e-2 if dtype == np.float16 else 2e-3)


@pytest.mark.parametrize("shape", [(60, 500), (500, 60)])
def test_constant_columns(shape):
    X = correlated(*shape)
    X[:, ::2] = 7
    found, expected = PCA(5).fit(X), oracle(X, 5)
    np.testing.assert_allclose(found.components_, expected.components_, atol=1e-9)
    np.testing.assert_allclose(found.components_[:, ::2], 0, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("shape", [(10, 30), (30, 10)])
def test_nothing_varies(shape, dtype):
    X = np.full(shape, 3, dtype)
    found = PCA(3).fit(X)
    np.testing.assert_array_equal(found.explained_variance_ratio_, 0)
    np.testing.assert_array_equal(found.transform(X), 0)
    np.testing.assert_allclose(found.components_ @ found.components_.T, np.eye(3), atol=1e-6)


@pytest.mark.parametrize("n_components", [0, 21, -1])
def test_too_many_components(n_components):
    with pytest.raises(ValueError, match=r"must be between 1 and min.*=20"):
        PCA(n_components).fit(correlated(20, 500))


@pytest.mark.parametrize("dtype", [np.float64, np.float16])
def test_round_trip(tmp_path, dtype):
    X = correlated(60, 500).astype(dtype)
    pca = PCA(7).fit(X)
    save_pca(tmp_path / "new" / "pca.safetensors", pca, layer="pooled", digest="é")
    loaded, provenance = load_pca(tmp_path / "new" / "pca.safetensors")
    assert provenance == {"layer": "pooled", "digest": "é"}
    assert loaded.get_params() == pca.get_params()
    for name in ("mean_", "components_", "explained_variance_", "explained_variance_ratio_"):
        found, expected = getattr(loaded, name), getattr(pca, name)
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(loaded.transform(X), pca.transform(X), rtol=1e-6, atol=1e-6)
    with pytest.raises(ValueError, match="expecting 500 features"):
        loaded.transform(X[:, 1:])


def test_round_trip_of_none(tmp_path):
    path = tmp_path / "pca.safetensors"
    save_pca(path, None, layer="pooled")
    assert load_pca(path) == (None, {"layer": "pooled"})
    assert json.loads(path.with_suffix(".json").read_text()) == {
        "components": "none",
        "layer": "pooled",
    }


@pytest.mark.parametrize("damage", ["missing", "half", "no json", "not json", "other"])
def test_damaged_files(tmp_path, refused, damage):
    path = tmp_path / "pca.safetensors"
    save_pca(path, PCA(3).fit(correlated(20, 30)))
    if damage == "missing":
        path.unlink()
    elif damage == "half":
        path.write_bytes(path.read_bytes()[:50])
    elif damage == "no json":
        path.with_suffix(".json").unlink()
    elif damage == "not json":
        path.with_suffix(".json").write_text("{")
    else:
        path.with_suffix(".json").write_text("{}")
    with refused(str(path), "cannot be loaded", "dvc repro"):
        load_pca(path)


# ---------------------------------------------------------------- the stage


@pytest.fixture
def features(tmp_path):
    """90 pictures of 40 features, float16, split in turn; and the array."""
    X = correlated(90, 40).astype(np.float16)
    rows = {
        "image_id": [str(i) for i in range(90)],
        "labels": [["a"]] * 90,
        "split": [["train", "validation", "test"][i % 3] for i in range(90)],
    }
    schema = vectors_schema("features", np.float16, 40)
    batch = vector_rows(pa.RecordBatch.from_pydict(rows), X, schema)
    write_shards(tmp_path / "features", schema, [batch])
    return Shards(tmp_path / "features"), X


def test_the_stage_fits_on_training_pictures_only(features, tmp_path):
    shards, X = features
    pca = fit(shards, Pca(components=4))
    expected = oracle(X[::3], 4)
    np.testing.assert_allclose(pca.components_, expected.components_, atol=1e-4)
    schema = vectors_schema("components", np.float32, 4)
    write_shards(tmp_path / "components", schema, project(shards, pca, schema))
    table = Shards(tmp_path / "components").read(["image_id", "components"])
    assert table["image_id"].to_pylist() == [str(i) for i in range(90)]
    np.testing.assert_allclose(
        from_vectors(table["components"]), expected.transform(X.astype(float)), atol=1e-3
    )


def test_features_go_through(features):
    shards, X = features
    assert fit(shards, Pca(components="none")) is None
    schema = vectors_schema("components", np.float32, 40)
    (batch,) = project(shards, None, schema)
    np.testing.assert_array_equal(from_vectors(batch["components"]), X.astype(np.float32))


def test_more_components_than_training_pictures(features, refused):
    with refused("pca.components is 31", "30 training pictures of 40 features", "at most 30"):
        fit(features[0], Pca(components=31))


def test_table_of_explained_variance():
    X = np.diag([2.0, 1.0, 0.0])[:, :2] * [[1], [1], [0]]
    pca = PCA(2).fit(np.vstack([X, -X]))
    table = explained_variance(pca)
    assert list(table.columns) == ["component", "ratio", "cumulative"]
    assert table.to_numpy().tolist() == [[1, 0.8, 0.8], [2, 0.2, 1.0]]
    assert len(explained_variance(None)) == 0

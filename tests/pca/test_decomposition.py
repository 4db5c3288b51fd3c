"""Components against scikit-learn's, through the estimator."""

import subprocess
import sys
import textwrap
from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn import decomposition

from pipeline.pca.decomposition import FEW_COLUMNS, FEW_ROWS
from pipeline.pca.streaming import StreamingPCA

# One shape for each path: Gram matrix, scatter, subspace iteration.
GRAM, SCATTER, SUBSPACE = (60, 500), (FEW_ROWS + 80, 60), (FEW_ROWS + 80, FEW_COLUMNS + 5)
PATHS = [GRAM, SCATTER, SUBSPACE]


def correlated(rows, columns, *, rank=None, seed=0):
    """(rows, columns) with standard deviations falling as 1 / k along `rank` directions."""
    rng = np.random.default_rng(seed)
    rank = min(rows, columns, 100) if rank is None else rank
    factors = rng.standard_normal((rows, rank)) / np.arange(1, rank + 1)
    return factors @ rng.standard_normal((rank, columns)) + 3 * rng.standard_normal(columns)


def oracle(X, n_components):
    """scikit-learn's exact PCA in float64, its signs as ours: the largest entry is positive."""
    solver = "full" if min(X.shape) < 600 else "arpack"
    pca = decomposition.PCA(n_components, svd_solver=solver, random_state=0)
    pca.fit(np.asarray(X, np.float64))
    largest = np.abs(pca.components_).argmax(1)
    signs = np.sign(pca.components_[np.arange(n_components), largest])
    pca.components_ *= signs[:, None]
    return pca


def streamed(X, **options):
    """Fitted on a stream of uneven blocks."""
    edges = [0, 1, 8, *range(150, len(X), 150), len(X)]
    edges = sorted({min(edge, len(X)) for edge in edges})
    pairs = list(pairwise(edges))
    return StreamingPCA(**options).fit_stream(lambda: (X[a:b] for a, b in pairs))


def in_memory(X, **options):
    return StreamingPCA(**options).fit(X)


@pytest.fixture(autouse=True)
def one_thread():
    """These products are too small to share."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


FITS = pytest.mark.parametrize("fitted", [in_memory, streamed])


@pytest.mark.slow(reason="many decompositions")
@FITS
@pytest.mark.parametrize("shape", PATHS)
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(np.float64, 1e-7), (np.float32, 1e-3), (np.float16, 1e-3)]
)
def test_against_scikit_learn(fitted, shape, dtype, tolerance):
    X = correlated(*shape).astype(dtype)
    new = correlated(20, shape[1], seed=1).astype(dtype)
    found, expected = fitted(X, n_components=10), oracle(X, 10)
    kept = np.float64 if dtype == np.float64 else np.float32
    scale = np.sqrt(expected.explained_variance_[0])
    np.testing.assert_allclose(found.mean_, expected.mean_, rtol=1e-4, atol=1e-5)
    assert captured(found, X) >= 1 - 1e-5
    components = found.components_.astype(np.float64)
    np.testing.assert_allclose(components @ components.T, np.eye(10), atol=1e-5)
    np.testing.assert_allclose(components, expected.components_, atol=10 * tolerance)
    for name in ("explained_variance_", "explained_variance_ratio_"):
        assert getattr(found, name).dtype == kept
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=tolerance)
    for data in (X[:50], new):
        projected = found.transform(data)
        reference = expected.transform(data.astype(np.float64))
        assert projected.dtype == kept
        np.testing.assert_allclose(projected, reference, atol=20 * tolerance * scale)
        np.testing.assert_allclose(
            found.inverse_transform(projected),
            expected.inverse_transform(reference),
            atol=20 * tolerance * scale,
        )
    assert (found.n_components_, found.n_samples_, found.n_features_in_) == (10, *shape)
    assert list(found.get_feature_names_out()) == [f"streamingpca{i}" for i in range(10)]


def captured(pca, X):
    """The variance of X along the components, of the most that as many directions can have."""
    centred = X.astype(np.float64) - X.mean(0, dtype=np.float64)
    best = oracle(X, pca.n_components_).explained_variance_.sum()
    return (centred @ pca.components_.T.astype(np.float64)).var(0, ddof=1).sum() / best


@pytest.mark.slow(reason="a wide matrix")
def test_subspace_iteration_where_the_spectrum_hardly_falls():
    """Variances falling as k^-0.75, as those of features: 0.998 of what 20 directions can hold."""
    rng = np.random.default_rng(0)
    factors = rng.standard_normal((3 * FEW_ROWS, 400)) * np.arange(1, 401) ** -0.375
    X = (factors @ rng.standard_normal((400, FEW_COLUMNS + 1))).astype(np.float16)
    X = X[np.argsort(factors[:, 0])]  # the first rows are unlike the others
    found = StreamingPCA(20).fit(X)
    assert captured(found, X) >= 0.998
    best = oracle(X, 20).explained_variance_
    assert (found.explained_variance_ <= best * 1.001).all()
    assert found.explained_variance_.sum() >= 0.99 * best.sum()
    assert captured(StreamingPCA(20, n_passes=3).fit(X), X) >= 0.9998


@FITS
@pytest.mark.parametrize("shape", PATHS)
def test_the_same_bytes_twice(fitted, shape):
    X = correlated(*shape).astype(np.float16)
    first, again = fitted(X, n_components=5), fitted(X, n_components=5)
    for name in ("mean_", "components_", "explained_variance_"):
        assert getattr(first, name).tobytes() == getattr(again, name).tobytes()


@FITS
@pytest.mark.parametrize("shape", PATHS)
def test_whitening(fitted, shape):
    X = correlated(*shape)
    found = fitted(X, n_components=5, whiten=True)
    expected = decomposition.PCA(5, whiten=True).fit(X)
    projected = found.transform(X)
    np.testing.assert_allclose(projected.var(0, ddof=1), 1, rtol=1e-6)
    np.testing.assert_allclose(np.abs(projected), np.abs(expected.transform(X)), atol=1e-4)
    np.testing.assert_allclose(
        found.inverse_transform(projected),
        expected.inverse_transform(expected.transform(X)),
        atol=1e-4,
    )


def test_a_sample_of_the_rows():
    X = correlated(500, 30).astype(np.float32)
    found = streamed(X, n_components=4, sample=200)
    assert found.n_samples_ == 200
    assert 0.9 < captured(found, X) < 1
    again = in_memory(X, n_components=4, sample=200)
    other = in_memory(X, n_components=4, sample=200, random_state=1)
    np.testing.assert_array_equal(found.components_, again.components_)
    assert not np.array_equal(found.components_, other.components_)


def test_a_sample_draws_every_row_as_often():
    X = np.eye(20)
    counts = sum(
        StreamingPCA(1, sample=5, random_state=seed).fit(X).mean_ > 0 for seed in range(400)
    )
    assert counts.sum() == 5 * 400
    np.testing.assert_allclose(counts, 100, atol=40)


def test_a_sample_of_more_rows_than_there_are_is_all_rows():
    X = correlated(50, 30)
    found, expected = StreamingPCA(4, sample=1000).fit(X), StreamingPCA(4).fit(X)
    assert found.n_samples_ == 50
    np.testing.assert_allclose(found.components_, expected.components_, atol=1e-9)


@pytest.mark.parametrize("shape", PATHS)
@pytest.mark.parametrize("offset", [100, -1000])
def test_a_large_mean_costs_no_accuracy(shape, offset):
    X = (correlated(*shape) + offset).astype(np.float32)
    found, expected = StreamingPCA(5).fit(X), oracle(X, 5)
    np.testing.assert_allclose(found.explained_variance_, expected.explained_variance_, rtol=1e-3)
    np.testing.assert_allclose(found.components_, expected.components_, atol=1e-3)


@pytest.mark.slow(reason="many decompositions")
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
        (SUBSPACE, 10, 40),
    ],
)
def test_components_are_orthonormal_beyond_the_rank(shape, rank, n_components, dtype):
    X = correlated(*shape, rank=rank).astype(dtype)
    found = StreamingPCA(n_components).fit(X)
    components = found.components_.astype(np.float64)
    np.testing.assert_allclose(components @ components.T, np.eye(n_components), atol=1e-5)
    assert found.explained_variance_ratio_.sum() == pytest.approx(1, abs=1e-4)
    projected = found.transform(X)
    np.testing.assert_allclose(
        projected.var(0, ddof=1),
        found.explained_variance_,
        atol=(1e-3 if shape == SUBSPACE else 2e-5) * found.explained_variance_[0],
    )
    back = found.inverse_transform(projected)
    expected = oracle(X, n_components).inverse_transform(oracle(X, n_components).transform(X))
    loose = dtype == np.float16 or (dtype == np.float32 and shape == SUBSPACE)
    assert np.sqrt(np.mean((back - expected) ** 2)) <= (1e-2 if loose else 1e-3)


@FITS
@pytest.mark.parametrize("shape", PATHS)
def test_constant_columns(fitted, shape):
    X = correlated(*shape)
    X[:, ::2] = 7
    found, expected = fitted(X, n_components=5), oracle(X, 5)
    np.testing.assert_allclose(found.components_, expected.components_, atol=1e-7)
    np.testing.assert_allclose(found.components_[:, ::2], 0, atol=1e-12)


@FITS
def test_repeated_rows(fitted):
    X = np.tile(correlated(20, FEW_COLUMNS + 1), (FEW_ROWS // 10, 1)).astype(np.float16)
    found = fitted(X, n_components=25)
    assert found.explained_variance_ratio_[:19].sum() == pytest.approx(1, abs=1e-3)
    components = found.components_.astype(np.float64)
    np.testing.assert_allclose(components @ components.T, np.eye(25), atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("shape", [(10, 30), *PATHS])
def test_nothing_varies(shape, dtype):
    X = np.full(shape, 3, dtype)
    found = StreamingPCA(3).fit(X)
    np.testing.assert_array_equal(found.explained_variance_ratio_, 0)
    np.testing.assert_array_equal(found.transform(X), 0)
    np.testing.assert_allclose(found.components_ @ found.components_.T, np.eye(3), atol=1e-6)


@FITS
@pytest.mark.parametrize("n_components", [0, 21, -1])
def test_too_many_components(fitted, n_components):
    with pytest.raises(ValueError, match=r"must be between 1 and min.*=20"):
        fitted(correlated(20, 500), n_components=n_components)


@pytest.mark.parametrize("options", [{"n_passes": 0}, {"n_oversamples": -1}])
def test_options_that_are_refused(options):
    with pytest.raises(ValueError, match=r"n_passes=.* at least 1, n_oversamples=.* at least 0"):
        StreamingPCA(2, **options).fit(correlated(20, 500))


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ([], "no rows"),
        ([np.ones((1, 3))], "n_samples=1 at least 2"),
        ([np.ones((4, 3)), np.ones((4, 2))], "2 columns of float64, those before 3 columns"),
        ([np.ones((4, 3)), np.ones((4, 3), "f4")], "float32, those before 3 columns of float64"),
        ([np.eye(3), np.full((1, 3), np.nan)], "finite"),
        ([np.eye(3), np.full((1, 3), -np.inf)], "finite"),
    ],
)
def test_blocks_that_are_refused(blocks, message):
    with pytest.raises(ValueError, match=message):
        StreamingPCA(1).fit_stream(lambda: blocks)


# ---------------------------------------------------------------- several processes

RANKS = """
    import sys
    import numpy as np
    from pipeline.pca.streaming import StreamingPCA
    from pipeline.compute.distributed import World

    world = World.from_env()
    with world.connected():
        for folder, first, sample in zip(*[iter(sys.argv[1:])] * 3):
            X = np.load(f"{folder}/X.npy", mmap_mode="r")
            own = X[:int(first)] if world.rank == 0 else X[int(first):]
            pca = StreamingPCA(10, sample=int(sample) or None)
            pca.fit_stream(lambda: (own[i : i + 100] for i in range(0, len(own), 100)), world=world)
            fitted = {k: v for k, v in vars(pca).items() if k[-1] == "_"}
            np.savez(f"{folder}/{world.rank}.npz", **fitted)
"""
SPLITS = [  # shape, rows of the first process, sample
    (GRAM, 35, 0),
    (SCATTER, 0, 0),
    (SUBSPACE, SUBSPACE[0], 0),
    (SUBSPACE, 300, 0),
    ((3 * FEW_ROWS, SUBSPACE[1]), 1500, 0),
    (GRAM, 20, 50),
]


@pytest.mark.slow(reason="starts processes")
def test_two_processes_find_what_one_finds(tmp_path):
    cases = []
    for i, (shape, first, sample) in enumerate(SPLITS):
        (tmp_path / str(i)).mkdir()
        np.save(tmp_path / str(i) / "X.npy", correlated(*shape).astype(np.float32))
        cases += [str(tmp_path / str(i)), str(first), str(sample)]
    script = tmp_path / "ranks.py"
    script.write_text(textwrap.dedent(RANKS))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run([*command, script, *cases], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for folder, _, sample in zip(*[iter(cases)] * 3, strict=True):
        zero, one = (np.load(f"{folder}/{rank}.npz") for rank in (0, 1))
        for name in zero:
            np.testing.assert_array_equal(zero[name], one[name])
        X = np.load(f"{folder}/X.npy")
        if int(sample):
            assert zero["n_samples_"] == int(sample)
            continue
        assert zero["n_samples_"] == len(X)
        alone = StreamingPCA(10).fit(X)
        np.testing.assert_allclose(zero["mean_"], alone.mean_, rtol=1e-5, atol=1e-5)
        for name in ("explained_variance_", "explained_variance_ratio_"):
            np.testing.assert_allclose(zero[name].sum(), getattr(alone, name).sum(), rtol=1e-4)
        np.testing.assert_allclose(zero["components_"], alone.components_, atol=5e-3)

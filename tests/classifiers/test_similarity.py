import numpy as np
import pytest
from skimage.metrics import structural_similarity as oracle

from pipeline.classifiers.similarity import BLOCK, picture_shape, structural_similarity


def expected(A, B, shape, data_range):
    """scikit-image, pair by pair, in float64."""
    A, B = (X.reshape(-1, *shape).astype(np.float64) for X in (A, B))
    options = {"win_size": 7, "data_range": data_range, "channel_axis": -1}
    return np.array([[oracle(a, b, **options) for b in B] for a in A])


def pictures(rng, count, shape):
    """Noise of all contrasts on ramps of all levels, in [0, 1]: some windows are nearly flat."""
    ramps = np.linspace(0, 1, np.prod(shape)) * rng.uniform(-1, 1, (count, 1))
    noise = rng.normal(size=(count, np.prod(shape))) * 10.0 ** rng.uniform(-4, 0, (count, 1))
    return np.clip(rng.random((count, 1)) + ramps + noise, 0, 1)


@pytest.mark.parametrize("data_range", [1, 255, 0.01])
@pytest.mark.parametrize(
    "shape", [(7, 7, 1), (28, 28, 1), (32, 32, 3), (9, 20, 3), (20, 9, 2)], ids=str
)
def test_equals_scikit_image(rng, shape, data_range):
    A, B = (data_range * pictures(rng, count, shape) for count in (6, 7))
    B[0] = A[0]
    found = structural_similarity(A, B, image_shape=shape, data_range=data_range)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected(A, B, shape, data_range), atol=1e-5)
    assert found[0, 0] == pytest.approx(1)


def test_pictures_around_zero(rng):
    """As min-max or standardised features are."""
    A, B = (4 * pictures(rng, count, (12, 12, 3)) - 2 for count in (6, 7))
    found = structural_similarity(A, B, image_shape=(12, 12, 3), data_range=4)
    np.testing.assert_allclose(found, expected(A, B, (12, 12, 3), 4), atol=1e-5)


def test_constant_pictures(rng):
    A = np.repeat([[0.0], [1.0], [77.0], [255.0]], 64 * 3, axis=1)
    B = np.concatenate([A, 255 * pictures(rng, 3, (8, 8, 3))])
    found = structural_similarity(A, B, image_shape=(8, 8, 3), data_range=255)
    np.testing.assert_allclose(found, expected(A, B, (8, 8, 3), 255), atol=1e-5)


def test_every_block_stands_in_its_place(rng):
    A, B = rng.random((BLOCK + 3, 49)), rng.random((2 * BLOCK + 5, 49))
    found = structural_similarity(A, B, image_shape=(7, 7, 1), data_range=1)
    for i in (0, BLOCK - 1, BLOCK, BLOCK + 2):
        columns = [0, BLOCK, 2 * BLOCK - 1, 2 * BLOCK + 4]
        np.testing.assert_allclose(
            found[i, columns], expected(A[[i]], B[columns], (7, 7, 1), 1)[0], atol=1e-5
        )


@pytest.mark.parametrize(
    ("n_features", "given", "shape"),
    [
        (784, None, (28, 28, 1)),
        (3072, None, (32, 32, 3)),
        (3072, (16, 64, 3), (16, 64, 3)),
        (784, [14, 28, 2], (14, 28, 2)),
    ],
)
def test_picture_shape(n_features, given, shape):
    assert picture_shape(n_features, given) == shape


@pytest.mark.parametrize(
    ("n_features", "given", "message"),
    [
        (100 * 7, None, "700 features make no square one"),
        (3072, (32, 32, 1), r"H \* W \* C = 3072 features, got \(32, 32, 1\)"),
        (36, None, "the pictures have 6 x 6"),
        (60, (6, 10, 1), "the pictures have 6 x 10"),
    ],
)
def test_what_is_no_picture_is_refused(n_features, given, message):
    with pytest.raises(ValueError, match=message) as caught:
        picture_shape(n_features, given)
    assert "\n" not in str(caught.value)

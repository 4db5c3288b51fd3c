import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from scipy.special import expit, softmax
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.metrics import pairwise_distances
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.utils.estimator_checks import parametrize_with_checks

from pipeline.classifiers.neighbors import METRICS, CentroidClassifier, NeighborsClassifier
from pipeline.classifiers.similarity import structural_similarity

SHAPE = (8, 8, 3)
KNOWN_TO_SKLEARN = ["manhattan", "mse", "cosine"]


def expected_failures(estimator):
    if isinstance(estimator, CentroidClassifier):
        return {}
    return {
        "check_classifiers_multilabel_output_format_predict_proba": (
            "wants them above 0 and below 1; shares of neighbours can be 0 and 1"
        )
    }


@parametrize_with_checks(
    [
        classifier()  # with manhattan: the other distances take the same path
        for classifier in (NeighborsClassifier, CentroidClassifier)
    ],
    expected_failed_checks=expected_failures,
)
def test_scikit_learn_conventions(estimator, check):
    check(estimator)


@pytest.fixture(
    params=[
        classifier(distance=distance)
        for classifier in (NeighborsClassifier, CentroidClassifier)
        for distance in METRICS
    ],
    ids=str,
)
def estimator(request):
    return clone(request.param)


@pytest.fixture
def pictures(rng):
    """(X, y) to learn from and to predict: noisy copies of three pictures, classes with names."""
    X, y = make_blobs(150, 192, centers=rng.random((3, 192)), cluster_std=0.2, random_state=0)
    X, y = X.astype(np.float32), np.array(["a", "b", "c"])[y]
    return (X[:90], y[:90]), (X[90:], y[90:])


@pytest.fixture
def tagged(rng):
    """(X, Y): two prints, both, or none on noise; the labels say which are there."""
    prints = rng.normal(size=(2, 192))
    Y = rng.integers(0, 2, (120, 2))
    return (Y @ prints + 0.2 * rng.normal(size=(120, 192))).astype(np.float32), Y


@pytest.mark.parametrize("n_neighbors", [1, 3, 4])
@pytest.mark.parametrize("distance", KNOWN_TO_SKLEARN)
def test_neighbors_equal_scikit_learn(distance, n_neighbors, rng):
    X, y = make_blobs(200, 5, centers=4, cluster_std=5, random_state=0)
    metric = {"mse": "euclidean"}.get(distance, distance)
    theirs = KNeighborsClassifier(n_neighbors, metric=metric).fit(X[:150], y[:150])
    ours = NeighborsClassifier(n_neighbors, distance=distance).fit(X[:150], y[:150])
    np.testing.assert_allclose(ours.predict_proba(X[150:]), theirs.predict_proba(X[150:]))
    np.testing.assert_array_equal(ours.predict(X[150:]), theirs.predict(X[150:]))


@pytest.mark.parametrize("n_neighbors", [1, 3, 90])
def test_neighbors_by_ssim_are_the_most_similar(pictures, n_neighbors):
    (X, y), (X_new, _) = pictures
    similarity = structural_similarity(X_new, X, image_shape=SHAPE, data_range=np.ptp(X))
    nearest = np.argsort(-similarity, axis=1)[:, :n_neighbors]
    shares = (y[nearest][:, :, np.newaxis] == ["a", "b", "c"]).mean(axis=1)
    found = NeighborsClassifier(n_neighbors, distance="ssim").fit(X, y).predict_proba(X_new)
    np.testing.assert_allclose(found, shares, rtol=1e-6)


@pytest.mark.parametrize("count", [1, 8, 700])
def test_neighbors_by_csls_are_those_of_the_definition(count, rng):
    X, y = rng.normal(size=(count, 5)) + 1, rng.integers(0, 3, count)
    X_new = rng.normal(size=(40, 5)) + 1
    cosines = cosine_similarity(X)
    nearest = [np.sort(np.delete(row, i))[-10:] for i, row in enumerate(cosines)]
    r = np.array([near.mean() if len(near) else 0 for near in nearest])
    found = NeighborsClassifier(distance="csls").fit(X, y)
    np.testing.assert_allclose(found.hubness_, r)
    expected = y[(2 * cosine_similarity(X_new, X) - r).argmax(axis=1)]
    np.testing.assert_array_equal(found.predict(X_new), expected)


def test_csls_passes_over_a_hub():
    """Twelve samples of class b around a hub of class a: it is near to all, each of them to it."""
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    around = np.c_[np.cos(angles), np.sin(angles), np.ones(12)]
    X, y = np.r_[[[0, 0, 1]], around], np.array(["a"] + 12 * ["b"])
    X_new = around * [0.4, 0.4, 1]
    for distance, expected in (("cosine", "a"), ("csls", "b")):
        found = NeighborsClassifier(distance=distance).fit(X, y).predict(X_new)
        np.testing.assert_array_equal(found, expected)


def test_centroids_equal_scikit_learn(pictures):
    (X, y), (X_new, _) = pictures
    theirs = NearestCentroid().fit(X, y)
    ours = CentroidClassifier(distance="mse").fit(X, y)
    np.testing.assert_allclose(ours.centroids_, theirs.centroids_, rtol=1e-5)
    np.testing.assert_array_equal(ours.predict(X_new), theirs.predict(X_new))


@pytest.mark.parametrize("distance", METRICS)
def test_centroid_probabilities_are_the_softmax_of_negative_distances(pictures, distance):
    (X, y), (X_new, _) = pictures

    def distances(X):
        if distance == "csls":
            near = np.sort(cosine_similarity(means, data), axis=1)[:, -10:].mean(axis=1)
            return 1 + near - 2 * cosine_similarity(X, means)
        if distance == "ssim":
            return 1 - structural_similarity(X, means, image_shape=SHAPE, data_range=np.ptp(data))
        return pairwise_distances(X, means, metric=METRICS[distance])

    data, means = X, np.stack([X[y == name].mean(axis=0) for name in "abc"])
    unit = abs(distances(X)[np.arange(90), np.searchsorted(["a", "b", "c"], y)]).mean()
    found = CentroidClassifier(distance=distance).fit(X, y).predict_proba(X_new)
    np.testing.assert_allclose(found, softmax(-distances(X_new) / unit, axis=1), rtol=1e-3)


def test_class_labels(estimator, pictures):
    (X, y), (X_new, y_new) = pictures
    estimator.fit(X, y, validation=(X_new, y_new))
    p = estimator.predict_proba(X_new)
    assert p.dtype == np.float32
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
    assert estimator.score(X_new, y_new) > 0.95
    np.testing.assert_array_equal(estimator.classes_, ["a", "b", "c"])
    assert not estimator.multilabel_
    assert estimator.history_ == []
    assert estimator.seconds_ > 0


def test_indicator_targets(estimator, tagged):
    X, Y = tagged
    estimator.fit(X[:80], Y[:80])
    p, predicted = estimator.predict_proba(X[80:]), estimator.predict(X[80:])
    assert p.shape == (40, 2)
    np.testing.assert_array_equal(predicted, p > 0.5)
    assert (predicted == Y[80:]).mean() > 0.7
    assert estimator.multilabel_
    np.testing.assert_array_equal(estimator.classes_, [0, 1])


def test_labels_in_shares_of_the_neighbors():
    X, Y = np.array([[1.0], [2], [3], [9]]), np.array([[1, 0], [1, 1], [0, 0], [0, 1]])
    classifier = NeighborsClassifier(3).fit(X, Y)
    np.testing.assert_allclose(classifier.predict_proba([[2]]), [[2 / 3, 1 / 3]])


def test_every_label_is_decided_between_the_centroids_with_and_without_it():
    X, Y = np.array([[0.0], [4], [8]]), np.array([[1, 0], [0, 0], [0, 0]])
    classifier = CentroidClassifier().fit(X, Y)
    # With the first label the mean is 0, without it 6; no sample has the second, all stand at 4.
    unit = np.mean([0, 2, 2, 4, 0, 4])
    np.testing.assert_allclose(
        classifier.predict_proba([[1.0]]), [[expit((5 - 1) / unit), 0]], rtol=1e-6
    )
    np.testing.assert_array_equal(CentroidClassifier().fit(X, 1 - Y).predict(X)[:, 1], 1)


@pytest.mark.parametrize("targets", ["pictures", "tagged"])
def test_saved_and_loaded(estimator, targets, request, tmp_path):
    data = request.getfixturevalue(targets)
    X, y = data[0] if targets == "pictures" else data
    estimator.fit(X, y)
    save_file(estimator.state_dict(), tmp_path / "model.safetensors")
    loaded = clone(estimator).load_state_dict(
        load_file(tmp_path / "model.safetensors"),
        classes=estimator.classes_,
        multilabel=estimator.multilabel_,
    )
    np.testing.assert_array_equal(loaded.predict_proba(X), estimator.predict_proba(X))
    np.testing.assert_array_equal(loaded.predict(X), estimator.predict(X))
    with pytest.raises(ValueError, match="features"):
        loaded.predict(X[:, 1:])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"distance": "euclid"},
            "distance should be 'manhattan', 'mse', 'cosine', 'csls' or 'ssim', got",
        ),
        ({"n_neighbors": 91}, "n_neighbors must be at most n_samples = 90, got 91"),
        ({"n_neighbors": 0}, "n_neighbors should be greater than 0, got 0"),
        ({"distance": "ssim", "image_shape": (8, 8, 4)}, "192 features, got"),
        ({"image_shape": (8, 24)}, r"image_shape\[2\] is missing, got"),
        ({"distance": "ssim", "image_shape": (4, 16, 3)}, "windows of 7 x 7"),
    ],
)
def test_parameters_outside_their_bounds(pictures, parameters, message):
    with pytest.raises(ValueError, match=message) as caught:
        NeighborsClassifier(**parameters).fit(*pictures[0])
    assert "\n" not in str(caught.value)


def test_targets_that_are_no_indicator(estimator, pictures, tagged):
    X, Y = tagged
    with pytest.raises(ValueError, match="indicator of 0 and 1"):
        estimator.fit(X, Y + 1)


def test_a_state_of_other_arrays(estimator, pictures):
    state = estimator.fit(*pictures[0]).state_dict()
    fresh = clone(estimator)
    with pytest.raises(ValueError, match=r"the state must be \w+, \w+, data_range"):
        fresh.load_state_dict({"data_range": state["data_range"]}, classes="abc", multilabel=False)
    with pytest.raises(ValueError, match="class"):
        fresh.load_state_dict(state, classes=["a", "b"], multilabel=False)

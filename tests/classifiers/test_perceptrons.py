import dataclasses
import math

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.utils.estimator_checks import parametrize_with_checks
from threadpoolctl import threadpool_info, threadpool_limits

from pipeline.classifiers import network as estimator_module
from pipeline.classifiers.boosting import BoostedClassifier
from pipeline.classifiers.convnet import ConvNetClassifier
from pipeline.classifiers.network import Epoch
from pipeline.classifiers.perceptrons import PerceptronClassifier
from pipeline.nn.network import Network, perceptron

# For some tens of samples with small features, as those here and in scikit-learn's checks.
SMALL = {"hidden": (16,), "init": "he", "learning_rate": 0.1, "epochs": 20}
SMALL_ADAM = SMALL | {"learning_rate": 0.01}
CONVNET = SMALL_ADAM | {"filters": (8, 8), "optimizer": "adam"}
ESTIMATORS = {
    "snn": PerceptronClassifier(**SMALL, random_state=0),
    "adam": PerceptronClassifier(**SMALL_ADAM, optimizer="adam", random_state=0),
    "boosted": BoostedClassifier(**SMALL, members=2, random_state=0),
    "perceptron": PerceptronClassifier(
        **SMALL, momentum=0.5, weight_decay=1e-3, schedule="exponential", decay=0.95, random_state=0
    ),
    "batch norm": PerceptronClassifier(**SMALL, batch_norm=True, random_state=0),
    "convnet": ConvNetClassifier(**CONVNET, random_state=0),
    "convnet, batch norm": ConvNetClassifier(**CONVNET, batch_norm=True, random_state=0),
}
CODE_PATHS = (
    "perceptron",
    "batch norm",
    "convnet",
)  # test_boosting.py has those of BoostedClassifier


@parametrize_with_checks(
    [PerceptronClassifier(), ConvNetClassifier(), *(ESTIMATORS[name] for name in CODE_PATHS)]
)
def test_scikit_learn_conventions(estimator, check):
    check(estimator)


@pytest.fixture(params=ESTIMATORS)
def estimator(request):
    return clone(ESTIMATORS[request.param])


@pytest.fixture
def blobs():
    """(X, y) to train on and to validate with; three classes with names."""
    X, y = make_blobs(240, n_features=4, centers=3, cluster_std=2.5, random_state=0)
    X, y = (X / X.std(axis=0)).astype(np.float32), np.array(["a", "b", "c"])[y]
    return (X[:160], y[:160]), (X[160:], y[160:])


@pytest.fixture
def tagged(rng):
    """(X, Y): two features, three labels of which a sample may have none or all."""
    X = rng.uniform(-1, 1, (300, 2)).astype(np.float32)
    return X, np.stack([X[:, 0] > 0, X[:, 1] > 0, X.sum(axis=1) > 0], axis=1).astype(int)


def assert_same_bits(a, b):
    assert a.keys() == b.keys()
    for name, array in a.items():
        np.testing.assert_array_equal(array, b[name])


def test_class_labels(estimator, blobs):
    (X, y), (X_new, y_new) = blobs
    estimator.fit(X, y)
    p = estimator.predict_proba(X_new)
    assert p.dtype == np.float32
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
    assert estimator.score(X_new, y_new) > 0.8
    assert not estimator.multilabel_


def test_indicator_targets(estimator, tagged):
    X, Y = tagged
    estimator.set_params(epochs=40).fit(X, Y)
    p, predicted = estimator.predict_proba(X), estimator.predict(X)
    assert p.shape == Y.shape
    np.testing.assert_array_equal(predicted, p > 0.5)
    # The boosted mean keeps the order of the scores but not their level: see its docstring.
    level = 0.25 if isinstance(estimator, BoostedClassifier) else 0.5
    assert ((p > level) == Y).mean() > 0.9
    assert estimator.multilabel_
    np.testing.assert_array_equal(estimator.classes_, [0, 1, 2])


@pytest.mark.parametrize(
    ("given", "kept"), [("float32", "float32"), ("float64", "float64"), ("int64", "float32")]
)
def test_computes_in_the_precision_of_the_data(estimator, blobs, given, kept):
    (X, y), _ = blobs
    estimator.set_params(epochs=1).fit(X.astype(given), y)
    assert {array.dtype for array in estimator.state_dict().values()} == {np.dtype(kept)}
    assert estimator.predict_proba(X).dtype == kept


def test_same_seed_same_bits(estimator, blobs):
    (X, y), _ = blobs
    estimator.set_params(dropout=0.3)
    first = estimator.fit(X, y).state_dict()
    history = estimator.history_
    assert_same_bits(first, estimator.fit(X, y).state_dict())
    assert estimator.history_ == history
    other = estimator.set_params(random_state=1).fit(X, y).state_dict()
    assert any((first[name] != other[name]).any() for name in first)


def test_scoring_leaves_training_unchanged(estimator, blobs):
    (X, y), held_out = blobs
    estimator.set_params(dropout=0.3)
    alone = estimator.fit(X, y).state_dict()
    assert_same_bits(alone, estimator.fit(X, y, validation=held_out).state_dict())


def test_history(estimator, blobs):
    (X, y), (X_new, y_new) = blobs
    estimator.fit(X, y, validation=(X_new, y_new))
    rows = estimator.history_
    assert [row.epoch for row in rows] == list(range(1, len(rows) + 1))
    assert rows[estimator.epochs - 1].loss < rows[0].loss
    assert rows[-1].accuracy == pytest.approx(estimator.score(X, y))
    assert rows[-1].validation_accuracy == pytest.approx(estimator.score(X_new, y_new))
    assert estimator.seconds_ > 0
    assert estimator.fit(X, y).history_[0].validation_accuracy is None


def test_accuracy_is_hit_at_1(tagged):
    X, Y = tagged
    classifier = clone(ESTIMATORS["snn"]).fit(X, Y, validation=(X[:50], Y[:50]))
    top = classifier.predict_proba(X).argmax(axis=1)
    hits = Y[np.arange(len(Y)), top]
    assert classifier.history_[-1].accuracy == pytest.approx(hits.mean())
    assert classifier.history_[-1].validation_accuracy == pytest.approx(hits[:50].mean())


def test_validation_labels_that_training_lacks_are_misses(estimator, blobs):
    (X, y), (X_new, y_new) = blobs
    estimator.fit(X, y, validation=(X_new, np.full(len(y_new), "unknown")))
    assert estimator.history_[-1].validation_accuracy == 0


def test_first_loss_is_that_of_undecided_outputs(tagged):
    X, Y = tagged
    classifier = PerceptronClassifier(
        (8,), init="normal", learning_rate=1e-9, epochs=1, random_state=0
    ).fit(X, Y)
    assert classifier.history_[0].loss == pytest.approx(3 * math.log(2), rel=1e-3)


def test_one_epoch_by_hand(tagged):
    """The published SNN: weights N(0, 0.01²) from the seed, one shuffle, plain gradient steps."""
    X, Y = tagged
    X = X.astype(np.float64)
    classifier = PerceptronClassifier(
        (8, 4), init="normal", batch_size=100, epochs=1, learning_rate=0.5, random_state=3
    )
    state = classifier.fit(X, Y).state_dict()

    rng = np.random.default_rng(3)
    sizes = [(2, 8), (8, 4), (4, 3)]
    W1, W2, W3 = (0.01 * rng.standard_normal(size) for size in sizes)
    b1, b2, b3 = np.zeros(8), np.zeros(4), np.zeros(3)
    order = rng.permutation(300)
    for rows in (order[:100], order[100:200], order[200:]):
        A1 = np.maximum(X[rows] @ W1 + b1, 0)
        A2 = np.maximum(A1 @ W2 + b2, 0)
        dZ3 = (1 / (1 + np.exp(-(A2 @ W3 + b3))) - Y[rows]) / 100
        dZ2 = dZ3 @ W3.T * (A2 > 0)
        dZ1 = dZ2 @ W2.T * (A1 > 0)
        W1, b1 = W1 - 0.5 * X[rows].T @ dZ1, b1 - 0.5 * dZ1.sum(axis=0)
        W2, b2 = W2 - 0.5 * A1.T @ dZ2, b2 - 0.5 * dZ2.sum(axis=0)
        W3, b3 = W3 - 0.5 * A2.T @ dZ3, b3 - 0.5 * dZ3.sum(axis=0)

    for array, expected in zip(state.values(), (W1, b1, W2, b2, W3, b3), strict=True):
        np.testing.assert_allclose(array, expected, rtol=1e-9, atol=1e-15)


def test_adam_moves_each_bias_by_its_learning_rate_at_first(tagged):
    X, Y = tagged
    classifier = PerceptronClassifier(
        (8,), optimizer="adam", batch_size=300, epochs=1, learning_rate=0.125, random_state=0
    )
    bias = classifier.fit(X, Y).state_dict()["layers.2.bias"]
    np.testing.assert_allclose(abs(bias), 0.125, rtol=1e-5)


def test_training_and_prediction_use_one_blas_thread(estimator, blobs, monkeypatch):
    def predict(network, x, processes=1):
        seen.update(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")
        return network.forward(x, training=False)

    monkeypatch.setattr(Network, "predict", predict)
    (X, y), _ = blobs
    with threadpool_limits(2, "blas"):
        seen: set[int] = set()
        estimator.set_params(epochs=1).fit(X, y)
        assert seen == {1}
        seen.clear()
        estimator.predict(X)
        assert seen == {1}


@pytest.mark.parametrize("kind", ["snn", "adam", "batch norm", "convnet, batch norm"])
def test_early_stopping_keeps_the_best_weights(kind, blobs):
    (X, y), (X_new, y_new) = blobs
    classifier = clone(ESTIMATORS[kind]).set_params(epochs=200, patience=5)
    classifier.fit(X, y, validation=(X_new, y_new))
    accuracies = [row.validation_accuracy for row in classifier.history_]
    best = int(np.argmax(accuracies))
    assert len(accuracies) == best + 1 + 5 < 200
    # Training anew for just so many epochs ends in the same weights: they are the best epoch's.
    stopped = classifier.state_dict()
    classifier.set_params(epochs=best + 1, patience=None)
    assert_same_bits(stopped, classifier.fit(X, y, validation=(X_new, y_new)).state_dict())


@pytest.mark.slow(reason="starts processes")
@pytest.mark.parametrize("kind", ["perceptron", "convnet, batch norm"])
def test_training_in_processes(kind, blobs, monkeypatch):
    """The same up to rounding, and the same bits again."""
    (X, y), held_out = blobs
    estimator = clone(ESTIMATORS[kind]).set_params(epochs=3)
    X = X.astype(np.float64)
    alone = estimator.fit(X, y, validation=held_out).state_dict()
    monkeypatch.setattr(estimator_module, "SHARED", 1)
    monkeypatch.setattr(estimator_module, "cores", lambda: 3)
    together = estimator.fit(X, y, validation=held_out).state_dict()
    assert any((alone[name] != together[name]).any() for name in alone)
    for name, array in alone.items():
        np.testing.assert_allclose(together[name], array, rtol=1e-6, atol=1e-9)
    estimator.set_params(dropout=0.5)
    first = estimator.fit(X, y, validation=held_out).state_dict()
    assert_same_bits(first, estimator.fit(X, y, validation=held_out).state_dict())
    with pytest.raises(FloatingPointError, match=r"learning_rate 1e\+200, its loss is .*: lower"):
        estimator.set_params(learning_rate=1e200, optimizer="sgd").fit(X, y)


def test_the_snn_is_trained_by_one_process():
    classifier = PerceptronClassifier()
    assert classifier._processes(perceptron((100, 512, 256, 10), rng=np.random.default_rng(0))) == 1


def test_image_shape(blobs, rng):
    (X, y), _ = blobs
    classifier = clone(ESTIMATORS["convnet"]).set_params(image_shape=(1, 2, 2), epochs=1)
    state = classifier.fit(X, y).state_dict()
    assert classifier.image_shape_ == (1, 2, 2)
    restored = clone(classifier).load_state_dict(state, classes=["a", "b", "c"], multilabel=False)
    np.testing.assert_array_equal(restored.predict(X), classifier.predict(X))
    with pytest.raises(
        ValueError, match=r"H \* W \* C = 4, the number of features, got \(2, 3, 1\)"
    ):
        classifier.set_params(image_shape=(2, 3, 1)).fit(X, y)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"optimizer": "rmsprop"}, "optimizer should be 'sgd' or 'adam', got 'rmsprop'"),
        ({"momentum": 1.0}, "momentum should be less than 1, got 1.0"),
        ({"weight_decay": -0.1}, "weight_decay should be greater than or equal to 0, got -0.1"),
        ({"schedule": "cosine"}, "schedule should be 'constant', 'step' or 'exponential', got 'c"),
        ({"decay": 0}, "decay should be greater than 0, got 0"),
        ({"decay_epochs": 0}, "decay_epochs should be greater than 0, got 0"),
        ({"filters": ()}, r"filters should have 1 or more, not 0, got \(\)"),
        ({"image_shape": (2, 2)}, r"image_shape\[2\] is missing, got \(2, 2\)"),
        ({"pooling": "min"}, "pooling should be 'max' or 'average', got 'min'"),
    ],
)
def test_training_options_outside_their_bounds_are_refused(setting, message, blobs):
    (X, y), _ = blobs
    with pytest.raises(ValueError, match=message):
        ConvNetClassifier(**setting).fit(X, y)


def test_the_schedule_decides_how_far_training_goes(blobs):
    """With a decay to almost 0 after the first epoch nothing moves any more."""
    (X, y), _ = blobs
    classifier = PerceptronClassifier((8,), schedule="exponential", decay=1e-30, random_state=0)
    first = classifier.set_params(epochs=1).fit(X, y).state_dict()
    assert_same_bits(first, classifier.set_params(epochs=3).fit(X, y).state_dict())
    assert any(
        (first[name] != array).any()
        for name, array in classifier.set_params(decay=1.0).fit(X, y).state_dict().items()
    )


def test_patience_needs_validation_data(blobs):
    (X, y), _ = blobs
    with pytest.raises(ValueError, match="patience needs validation data"):
        PerceptronClassifier(patience=3).fit(X, y)


@pytest.mark.parametrize("targets", ["labels", "indicator"])
def test_state_round_trip(estimator, targets, blobs, tagged):
    X, y = blobs[0] if targets == "labels" else tagged
    estimator.set_params(dropout=0.2).fit(X, y)
    restored = clone(estimator).load_state_dict(
        dict(sorted(estimator.state_dict().items())),
        classes=estimator.classes_.tolist(),
        multilabel=estimator.multilabel_,
    )
    np.testing.assert_array_equal(restored.predict_proba(X), estimator.predict_proba(X))
    np.testing.assert_array_equal(restored.predict(X), estimator.predict(X))
    assert restored.n_features_in_ == X.shape[1]


def test_a_state_that_does_not_fit_is_refused(estimator, blobs):
    (X, y), _ = blobs
    state = estimator.fit(X, y).state_dict()
    blank = clone(estimator)
    first = "image_shape" if "filters" in estimator.get_params() else "layers.0.weight"
    with pytest.raises(ValueError, match=f"{first} is missing in the state"):
        blank.load_state_dict({}, classes="abc", multilabel=False)
    with pytest.raises(ValueError, match=r"weight has shape \(16, 2\), in the state \(16, 3\)"):
        blank.load_state_dict(state, classes=["a", "b"], multilabel=False)
    with pytest.raises(ValueError, match="the state has"):
        blank.set_params(hidden=(16, 16)).load_state_dict(
            state, classes=["a", "b", "c"], multilabel=False
        )


def test_divergence_is_an_error_with_advice(blobs):
    (X, y), _ = blobs
    with pytest.raises(
        FloatingPointError, match=r"epoch \d+, learning_rate 1e\+30, its loss is .*: lower"
    ):
        PerceptronClassifier(**SMALL | {"learning_rate": 1e30}).fit(X, y)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"hidden": (8, 0)}, r"hidden\[1\] should be greater than 0, got \(8, 0\)"),
        ({"dropout": 1.0}, "dropout should be less than 1, got 1.0"),
        ({"learning_rate": float("nan")}, "learning_rate should be a finite number, got nan"),
        ({"batch_size": 0}, "batch_size should be greater than 0, got 0"),
        ({"epochs": 0}, "epochs should be greater than 0, got 0"),
        ({"clip": 0.0}, "clip should be greater than 0, got 0.0"),
        ({"init": "lecun"}, "init should be 'normal', 'xavier' or 'he', got 'lecun'"),
    ],
)
def test_settings_outside_their_bounds_are_refused(estimator, setting, message, blobs):
    (X, y), _ = blobs
    with pytest.raises(ValueError, match=message):
        estimator.set_params(**setting).fit(X, y)


@pytest.mark.parametrize("values", [(0, 2), (-1, 1)])
def test_an_indicator_holds_only_0_and_1(estimator, values, tagged):
    X, Y = tagged
    with pytest.raises(ValueError, match=r"must be a dense \(N, 3\) indicator of 0 and 1"):
        estimator.fit(X, np.array(values)[Y])


def test_validation_indicator_has_the_columns_of_training(estimator, tagged):
    X, Y = tagged
    with pytest.raises(ValueError, match=r"\(N, 3\) indicator .* got shape \(300, 2\)"):
        estimator.fit(X, Y, validation=(X, Y[:, :2]))


def test_epoch_is_a_row_of_a_table():
    assert dataclasses.asdict(Epoch(1, 0.5, 0.25, None)) == {
        "epoch": 1,
        "loss": 0.5,
        "accuracy": 0.25,
        "validation_accuracy": None,
        "member": 1,
    }

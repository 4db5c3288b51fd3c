import numpy as np
import pytest

from pipeline.nn.boosting import BoostedClassifier, normalized_columns
from pipeline.nn.losses import BinaryCrossEntropy
from pipeline.nn.network import minibatches, perceptron, train_epoch
from pipeline.nn.optimizers import SGD

SETTINGS = {"hidden": (8,), "epochs": 3, "learning_rate": 0.1, "weight_scale": None}


@pytest.fixture
def tagged(rng):
    X = rng.standard_normal((64, 5))
    return X, (X[:, :3] > 0.5).astype(int)


def test_normalized_columns_by_hand():
    normalized, norms = normalized_columns(np.array([[3.0, 0.0], [4.0, 0.0]]))
    np.testing.assert_allclose(norms, [5, 0])
    np.testing.assert_allclose(normalized, [[0.6, 0], [0.8, 0]])


def test_members_are_fitted_to_the_normalised_residuals(tagged):
    X, Y = tagged
    boosted = BoostedClassifier(**SETTINGS, members=3, random_state=7).fit(X, Y)

    rng = np.random.default_rng(7)
    loss = BinaryCrossEntropy()
    residuals, outputs, norms = Y.astype(np.float64), [], []
    for _ in range(3):
        member = perceptron((5, 8, 3), rng=rng, dtype=np.float64)
        optimizer = SGD(member.params, 0.1)
        for _ in range(3):
            batches = minibatches(X, residuals, batch_size=32, rng=rng)
            train_epoch(member, batches, loss=loss, optimizer=optimizer, clip=0.5)
        outputs.append(1 / (1 + np.exp(-member.predict(X))))
        residuals = residuals - outputs[-1]
        norms.append(np.sqrt((residuals**2).sum(axis=0)))
        residuals = residuals / norms[-1]

    np.testing.assert_allclose(boosted.residual_norms_, norms)
    np.testing.assert_allclose(boosted.predict_proba(X), sum(outputs) / 3)


def test_probabilities_are_the_mean_of_the_members(tagged):
    X, Y = tagged
    boosted = BoostedClassifier(**SETTINGS, members=4, random_state=0).fit(X, Y)
    outputs = [1 / (1 + np.exp(-member.predict(X))) for member in boosted.members_]
    np.testing.assert_allclose(boosted.predict_proba(X), np.mean(outputs, axis=0))


def test_class_labels_divide_the_mean_by_its_sum(tagged):
    X, Y = tagged
    boosted = BoostedClassifier(**SETTINGS, members=2, random_state=0).fit(X, Y.argmax(axis=1))
    mean = np.mean([1 / (1 + np.exp(-member.predict(X))) for member in boosted.members_], axis=0)
    np.testing.assert_allclose(boosted.predict_proba(X), mean / mean.sum(axis=1, keepdims=True))


def test_a_row_without_any_score_is_uniform(tagged):
    X, Y = tagged
    boosted = BoostedClassifier(**SETTINGS, members=2, random_state=0).fit(X, Y.argmax(axis=1))
    for member in boosted.members_:
        for param in member.params:
            param[...] = 0
        member.params[-1][...] = -1e4  # every sigmoid underflows to 0
    np.testing.assert_allclose(boosted.predict_proba(X), 1 / 3)


@pytest.mark.parametrize(("tolerance", "members"), [(1e6, 1), (0.0, 4)])
def test_no_further_member_once_all_residuals_are_small(tolerance, members, tagged):
    X, Y = tagged
    settings = SETTINGS | {"members": 4, "tolerance": tolerance}
    boosted = BoostedClassifier(**settings, random_state=0).fit(X, Y)
    assert len(boosted.members_) == members
    assert boosted.residual_norms_.shape == (members, 3)
    assert len(boosted.history_) == members * 3


def test_one_large_residual_keeps_training_going(tagged):
    X, Y = tagged
    first = BoostedClassifier(**SETTINGS, members=1, random_state=0).fit(X, Y).residual_norms_[0]
    between = float(np.sort(first)[1])  # one norm below, one above
    settings = SETTINGS | {"members": 2, "tolerance": between, "random_state": 0}
    assert len(BoostedClassifier(**settings).fit(X, Y).members_) == 2


def test_history_counts_on_through_the_members(tagged):
    X, Y = tagged
    rows = BoostedClassifier(**SETTINGS, members=2, random_state=0).fit(X, Y).history_
    assert [row.member for row in rows] == [1, 1, 1, 2, 2, 2]
    assert [row.epoch for row in rows] == [1, 2, 3, 4, 5, 6]
    alone = BoostedClassifier(**SETTINGS, members=1, random_state=0).fit(X, Y).history_
    assert rows[:3] == alone


def test_history_scores_the_ensemble_so_far(tagged):
    X, Y = tagged
    boosted = BoostedClassifier(**SETTINGS, members=3, random_state=0)
    boosted.fit(X, Y, validation=(X[:20], Y[:20]))
    hits = Y[np.arange(64), boosted.predict_proba(X).argmax(axis=1)]
    assert boosted.history_[-1].accuracy == pytest.approx(hits.mean())
    assert boosted.history_[-1].validation_accuracy == pytest.approx(hits[:20].mean())


def test_state_names_the_members(tagged):
    X, Y = tagged
    state = BoostedClassifier(**SETTINGS, members=2, random_state=0).fit(X, Y).state_dict()
    assert list(state)[::2] == [f"members.{m}.layers.{i}.weight" for m in (0, 1) for i in (0, 2)]


def test_more_than_ten_members_come_back_in_order(tagged):
    X, Y = tagged
    settings = SETTINGS | {"members": 11, "epochs": 1}
    boosted = BoostedClassifier(**settings, random_state=0).fit(X, Y)
    state = dict(sorted(boosted.state_dict().items()))  # members.10 before members.2
    restored = BoostedClassifier(**settings).load_state_dict(
        state, classes=boosted.classes_, multilabel=True
    )
    np.testing.assert_array_equal(restored.predict_proba(X), boosted.predict_proba(X))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"members": 0}, "members must be at least 1, got 0"),
        ({"tolerance": -1.0}, "tolerance must be 0 or above, got -1.0"),
    ],
)
def test_settings_outside_their_bounds_are_refused(setting, message, tagged):
    with pytest.raises(ValueError, match=message):
        BoostedClassifier(**setting).fit(*tagged)

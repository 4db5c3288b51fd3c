import numpy as np
import pytest
from scipy.special import expit, log_softmax, logit, softmax
from sklearn.utils.estimator_checks import parametrize_with_checks

from pipeline.classifiers.boosting import (
    RULES,
    BoostedClassifier,
    newton_targets,
    normalized_columns,
)
from pipeline.nn.losses import BinaryCrossEntropy, SoftmaxCrossEntropy, WeightedSquaredError
from pipeline.nn.network import minibatches, perceptron, train_epoch
from pipeline.nn.optimizers import SGD

SETTINGS = {"hidden": (8,), "epochs": 3, "learning_rate": 0.1, "init": "he"}
CALM = SETTINGS | {"epochs": 20, "init": "normal"}  # each member leaves less


@pytest.fixture
def tagged(rng):
    X = rng.standard_normal((64, 5))
    return X, (X[:, :3] > 0.5).astype(int)


def test_normalized_columns_by_hand():
    normalized, norms = normalized_columns(np.array([[3.0, 0.0], [4.0, 0.0]]))
    np.testing.assert_allclose(norms, [5, 0])
    np.testing.assert_allclose(normalized, [[0.6, 0], [0.8, 0]])


def test_members_are_fitted_to_the_residuals_in_units_of_their_size(tagged):
    X, Y = tagged
    boosted = BoostedClassifier(**CALM, members=3, random_state=7).fit(X, Y)

    rng = np.random.default_rng(7)
    residuals, outputs, norms = Y.astype(np.float64), [], []
    for _ in range(3):
        member = perceptron((5, 8, 3), rng=rng, init="normal", dtype=np.float64)
        optimizer = SGD(member.params, 0.1)
        scale = np.sqrt((residuals**2).mean(axis=0))
        task = np.stack([residuals / scale, np.ones_like(residuals)], axis=1)
        for _ in range(20):
            batches = minibatches(X, task, batch_size=32, rng=rng)
            train_epoch(member, batches, loss=WeightedSquaredError(), optimizer=optimizer, clip=0.5)
        outputs.append(scale * member.predict(X))
        residuals = residuals - outputs[-1]
        norms.append(np.sqrt((residuals**2).sum(axis=0)))

    assert boosted.dropped_ == []
    np.testing.assert_allclose(boosted.residual_norms_, norms)
    np.testing.assert_allclose(boosted.predict_proba(X), (sum(outputs) / 3).clip(0, 1))


def test_exact_members_leave_what_least_squares_leaves(tagged):
    """And those after the first, which leave no less, are dropped."""
    X, Y = tagged
    settings = {"hidden": (), "learning_rate": 0.5, "batch_size": 64, "epochs": 300}
    boosted = BoostedClassifier(**settings, members=3, tolerance=0, random_state=0).fit(X, Y)
    design = np.c_[X, np.ones(64)]
    left = Y - design @ np.linalg.lstsq(design, Y)[0]
    np.testing.assert_allclose(boosted.residual_norms_[-1], np.linalg.norm(left, axis=0))


def test_class_labels_divide_the_mean_by_its_sum(tagged):
    X, Y = tagged
    boosted = BoostedClassifier(**CALM, members=2, random_state=0).fit(X, Y.argmax(axis=1))
    mean = sum(member.predict(X) for member in boosted.members_).clip(0)
    np.testing.assert_allclose(boosted.predict_proba(X), mean / mean.sum(axis=1, keepdims=True))


def test_a_member_that_leaves_more_is_dropped(tagged):
    """Large steps on few samples: some members are worse than none."""
    X, Y = tagged
    settings = SETTINGS | {"learning_rate": 0.3, "members": 8, "random_state": 0}
    boosted = BoostedClassifier(**settings).fit(X, Y)
    assert boosted.dropped_ != []
    assert len(boosted.members_) == 8 - len(boosted.dropped_)
    assert {row.member for row in boosted.history_} == set(range(1, 9))
    left = Y - sum(member.predict(X) for member in boosted.members_)
    np.testing.assert_allclose(boosted.residual_norms_[-1], np.linalg.norm(left, axis=0))
    assert (np.diff((boosted.residual_norms_**2).sum(axis=1)) < 0).all()
    # A member that is dropped changes nothing: one training fewer ends in the same ensemble.
    last = boosted.dropped_[-1]
    some = BoostedClassifier(**settings | {"members": last}).fit(X, Y)
    less = BoostedClassifier(**settings | {"members": last - 1}).fit(X, Y)
    np.testing.assert_array_equal(some.predict_proba(X), less.predict_proba(X))


def test_where_the_published_loss_runs_away_the_squared_error_does_not(tagged):
    X, Y = tagged
    settings = SETTINGS | {"hidden": (16, 16), "epochs": 60, "learning_rate": 0.3, "members": 3}
    with pytest.raises(FloatingPointError, match=r"diverged in epoch \d+.*its loss is -"):
        BoostedClassifier(**settings, rule="published", random_state=0).fit(10 * X, Y)
    boosted = BoostedClassifier(**settings, random_state=0).fit(10 * X, Y)
    assert min(row.loss for row in boosted.history_) >= 0


@pytest.mark.parametrize(("tolerance", "members"), [(1e6, 1), (0.0, 4)])
def test_no_further_member_once_all_residuals_are_small(tolerance, members, tagged):
    X, Y = tagged
    settings = CALM | {"members": 4, "tolerance": tolerance}
    boosted = BoostedClassifier(**settings, random_state=0).fit(X, Y)
    assert len(boosted.members_) == members
    assert boosted.residual_norms_.shape == (members, 3)
    assert len(boosted.history_) == members * 20


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
        ({"members": 0}, "members should be greater than 0, got 0"),
        ({"tolerance": -1.0}, "tolerance should be greater than or equal to 0, got -1.0"),
        ({"patience": 0}, "patience should be greater than 0, got 0"),
        ({"shrinkage": 0.0}, "shrinkage should be greater than 0, got 0.0"),
        ({"shrinkage": 1.5}, "shrinkage should be less than or equal to 1, got 1.5"),
        ({"rule": "mean"}, "rule should be 'residual_average', .* or 'bagging', got 'mean'"),
    ],
)
def test_settings_outside_their_bounds_are_refused(setting, message, tagged):
    with pytest.raises(ValueError, match=message):
        BoostedClassifier(**setting).fit(*tagged)


# ---------------------------------------------------------------- published


PUBLISHED = SETTINGS | {"rule": "published"}


def test_members_are_fitted_to_the_normalised_residuals(tagged):
    X, Y = tagged
    boosted = BoostedClassifier(**PUBLISHED, members=3, random_state=7).fit(X, Y)

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
    boosted = BoostedClassifier(**PUBLISHED, members=4, random_state=0).fit(X, Y)
    outputs = [1 / (1 + np.exp(-member.predict(X))) for member in boosted.members_]
    np.testing.assert_allclose(boosted.predict_proba(X), np.mean(outputs, axis=0))


def test_published_class_labels_divide_the_mean_by_its_sum(tagged):
    X, Y = tagged
    boosted = BoostedClassifier(**PUBLISHED, members=2, random_state=0).fit(X, Y.argmax(axis=1))
    mean = np.mean([1 / (1 + np.exp(-member.predict(X))) for member in boosted.members_], axis=0)
    np.testing.assert_allclose(boosted.predict_proba(X), mean / mean.sum(axis=1, keepdims=True))


def test_a_row_without_any_score_is_uniform(tagged):
    X, Y = tagged
    boosted = BoostedClassifier(**PUBLISHED, members=2, random_state=0).fit(X, Y.argmax(axis=1))
    for member in boosted.members_:
        member.params[...] = 0
        member.layers[-1].params[1][...] = -1e4  # every sigmoid underflows to 0
    np.testing.assert_allclose(boosted.predict_proba(X), 1 / 3)


def test_losses_of_residuals_may_be_negative(tagged):
    """The cross-entropy of a negative target falls with the logit, without end."""
    X, Y = tagged
    boosted = BoostedClassifier(**PUBLISHED | {"epochs": 60}, members=3, random_state=0).fit(X, Y)
    assert min(row.loss for row in boosted.history_) < 0


def test_a_loss_that_falls_without_end_has_diverged(tagged):
    X, Y = tagged
    settings = PUBLISHED | {"hidden": (16, 16), "epochs": 200, "learning_rate": 1.0}
    with pytest.raises(FloatingPointError, match=r"diverged in epoch \d+.*its loss is -.*: lower"):
        BoostedClassifier(**settings, members=3, random_state=0).fit(30 * X, Y)


def test_the_bound_of_the_loss_is_that_of_the_first_member(tagged):
    """The fourth leaves it in the first epoch of its own."""
    X, Y = tagged
    settings = PUBLISHED | {"hidden": (16, 16), "learning_rate": 1.0, "batch_size": 1, "epochs": 1}
    with pytest.raises(FloatingPointError, match="diverged in epoch 4, "):
        BoostedClassifier(**settings, members=4, random_state=0).fit(300 * X, Y)


# ---------------------------------------------------------------- newton


LOSSES = {"labels": SoftmaxCrossEntropy(), "indicator": BinaryCrossEntropy()}


@pytest.fixture(params=LOSSES)
def grouped(request):
    """X one-hot of three groups of 10, (30, 3); y and its (30, 3) targets.

    How often a group has a class, 3 to 6 times, keeps every Newton step below its bound of 4.
    """
    X = np.repeat(np.eye(3), 10, axis=0)
    if request.param == "labels":
        counts = [[4, 3, 3], [3, 4, 3], [3, 3, 4]]
        y = np.concatenate([np.repeat([0, 1, 2], times) for times in counts])
        return X, y, np.eye(3)[y]
    Y = np.concatenate(
        [np.arange(10)[:, None] < [3, 5, 6], *2 * [np.arange(10)[:, None] < [4, 6, 3]]]
    )
    return X, Y.astype(int), Y.astype(float)


# Linear members, one step of gradient descent per epoch: they end at the least squares fit.
EXACT = {"rule": "newton", "hidden": (), "learning_rate": 4.0, "batch_size": 30, "epochs": 150}


@pytest.mark.parametrize("kind", LOSSES)
def test_newton_targets_are_the_central_differences_of_the_loss(kind, rng):
    logits, targets = 1.5 * rng.standard_normal((6, 3)), np.eye(3)[rng.integers(3, size=6)]
    loss = LOSSES[kind]
    z, h = newton_targets(loss, logits, targets)
    first, second = np.empty_like(z), np.empty_like(z)
    for index in np.ndindex(z.shape):
        values = []
        for shift in (-1e-4, 0, 1e-4):
            shifted = logits.copy()
            shifted[index] += shift
            values.append(6 * loss(shifted, targets))  # the loss is a mean over the 6 samples
        first[index] = (values[2] - values[0]) / 2e-4
        second[index] = (values[2] - 2 * values[1] + values[0]) / 1e-8
    np.testing.assert_allclose(h, second, rtol=1e-4)
    np.testing.assert_allclose(z, np.clip(-first / second, -4, 4), rtol=1e-4)
    assert 0 < (abs(z) == 4).sum() < z.size


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", LOSSES)
def test_newton_targets_of_certain_logits_are_finite(kind, dtype):
    logits = np.array([[500, -500], [500, -500]], dtype)
    z, h = newton_targets(LOSSES[kind], logits, np.eye(2, dtype=dtype))
    np.testing.assert_allclose(z, [[0, 0], [-4, 4]], atol=1e-12)
    assert (h > 0).all()
    assert z.dtype == h.dtype == dtype


@pytest.mark.parametrize("shrinkage", [0.5, 1.0])
def test_an_exact_member_takes_the_newton_step(shrinkage, grouped):
    X, y, targets = grouped
    boosted = BoostedClassifier(**EXACT, members=1, shrinkage=shrinkage, random_state=0).fit(X, y)
    p, frequencies = targets.mean(axis=0), X @ (X.T @ targets / 10)
    newton_step = (frequencies - p) / (p * (1 - p))  # -Σ g / Σ h over a group
    if boosted.multilabel_:
        expected = expit(logit(p) + shrinkage * newton_step)
    else:
        expected = softmax(np.log(p) + shrinkage * newton_step, axis=1)
    np.testing.assert_allclose(boosted.predict_proba(X), expected, rtol=1e-10)


@pytest.mark.slow(reason="many epochs")
def test_exact_members_end_at_the_frequencies_of_each_group(grouped):
    X, y, targets = grouped
    boosted = BoostedClassifier(**EXACT, members=40, shrinkage=1.0, random_state=0)
    frequencies = X @ (X.T @ targets / 10)
    np.testing.assert_allclose(boosted.fit(X, y).predict_proba(X), frequencies, rtol=1e-8)


def test_newton_members_by_hand(tagged):
    X, Y = tagged
    settings = SETTINGS | {"rule": "newton", "members": 3, "shrinkage": 0.3}
    boosted = BoostedClassifier(**settings, random_state=7).fit(X, Y)

    rng = np.random.default_rng(7)
    total, norms = logit(Y.mean(axis=0)), []
    np.testing.assert_allclose(boosted.prior_, total)
    for _ in range(3):
        member = perceptron((5, 8, 3), rng=rng, dtype=np.float64)
        optimizer = SGD(member.params, 0.1)
        p = np.broadcast_to(expit(total), Y.shape)
        h = p * (1 - p)
        task = np.stack([np.clip((Y - p) / h, -4, 4), h], axis=1)
        for _ in range(3):
            batches = minibatches(X, task, batch_size=32, rng=rng)
            train_epoch(member, batches, loss=WeightedSquaredError(), optimizer=optimizer, clip=0.5)
        total = total + 0.3 * member.predict(X)
        norms.append(np.sqrt(((Y - expit(total)) ** 2).sum(axis=0)))

    np.testing.assert_allclose(boosted.predict_proba(X), expit(total))
    np.testing.assert_allclose(boosted.residual_norms_, norms)


def test_class_labels_start_at_their_log_frequencies(tagged):
    X, Y = tagged
    boosted = BoostedClassifier(**SETTINGS, rule="newton", members=2, random_state=0)
    boosted.fit(X, Y.argmax(axis=1))
    frequencies = np.bincount(Y.argmax(axis=1)) / 64
    np.testing.assert_allclose(boosted.prior_, np.log(frequencies))
    total = np.log(frequencies) + 0.5 * sum(member.predict(X) for member in boosted.members_)
    np.testing.assert_allclose(np.log(boosted.predict_proba(X)), log_softmax(total, axis=1))


def test_a_label_that_all_samples_have_keeps_finite_odds(tagged):
    X, Y = tagged
    Y[:, 0], Y[:, 1] = 1, 0
    boosted = BoostedClassifier(**SETTINGS, rule="newton", random_state=0).fit(X, Y)
    np.testing.assert_allclose(boosted.prior_[:2], [np.log(127), -np.log(127)])


def test_a_newton_state_without_its_prior_is_refused(tagged):
    X, Y = tagged
    boosted = BoostedClassifier(**SETTINGS, rule="newton", random_state=0).fit(X, Y)
    state = boosted.state_dict()
    for wrong in ({}, {"prior": np.zeros(2)}):
        kept = {name: array for name, array in state.items() if name != "prior"} | wrong
        with pytest.raises(ValueError, match=r"rule 'newton' needs prior \(3,\)"):
            boosted.load_state_dict(kept, classes=boosted.classes_, multilabel=True)


# ---------------------------------------------------------------- bagging


def test_bagging_averages_the_probabilities_of_its_members(tagged):
    X, Y = tagged
    boosted = BoostedClassifier(**SETTINGS, rule="bagging", members=3, random_state=0)
    for y, probabilities in ((Y, expit), (Y.argmax(axis=1), lambda z: softmax(z, axis=1))):
        boosted.fit(X, y)
        outputs = [probabilities(member.predict(X)) for member in boosted.members_]
        np.testing.assert_allclose(boosted.predict_proba(X), np.mean(outputs, axis=0))


def test_bagging_by_hand(tagged):
    X, Y = tagged
    labels = Y.argmax(axis=1)
    settings = SETTINGS | {"rule": "bagging", "members": 2}
    boosted = BoostedClassifier(**settings, random_state=7).fit(X, labels)

    rng = np.random.default_rng(7)
    for fitted in boosted.members_:
        member = perceptron((5, 8, 3), rng=rng, dtype=np.float64)
        optimizer = SGD(member.params, 0.1)
        drawn = rng.integers(64, size=64)
        for _ in range(3):
            batches = minibatches(X[drawn], np.eye(3)[labels[drawn]], batch_size=32, rng=rng)
            train_epoch(member, batches, loss=SoftmaxCrossEntropy(), optimizer=optimizer, clip=0.5)
        np.testing.assert_allclose(fitted.predict(X), member.predict(X))


# ---------------------------------------------------------------- every rule


# As in test_perceptrons.py: settings for some tens of samples.
SMALL = SETTINGS | {"hidden": (16,), "epochs": 20, "members": 2}


@parametrize_with_checks(
    [BoostedClassifier(), *(BoostedClassifier(**SMALL, rule=rule) for rule in RULES)]
)
def test_scikit_learn_conventions(estimator, check):
    check(estimator)


@pytest.fixture(params=RULES)
def rule(request):
    return request.param


@pytest.mark.parametrize("multilabel", [False, True])
def test_same_seed_same_bits_and_a_state_restores_them(rule, multilabel, tagged):
    X, Y = tagged
    y = Y if multilabel else Y.argmax(axis=1)
    settings = SETTINGS | {"rule": rule, "members": 3, "dropout": 0.2}
    boosted = BoostedClassifier(**settings, random_state=0).fit(X, y)
    p = boosted.predict_proba(X)
    np.testing.assert_array_equal(boosted.fit(X, y).predict_proba(X), p)
    state = dict(sorted(boosted.state_dict().items()))
    restored = BoostedClassifier(**settings)
    restored.load_state_dict(state, classes=boosted.classes_, multilabel=multilabel)
    np.testing.assert_array_equal(restored.predict_proba(X), p)
    assert (boosted.set_params(random_state=1).fit(X, y).predict_proba(X) != p).any()


def test_float32_stays(rule, tagged):
    X, Y = tagged
    boosted = BoostedClassifier(**SETTINGS, rule=rule, random_state=0).fit(X.astype(np.float32), Y)
    assert boosted.predict_proba(X).dtype == np.float32
    assert {array.dtype for array in boosted.state_dict().values()} == {np.dtype(np.float32)}


def test_history_is_of_the_ensemble_so_far(rule, tagged):
    X, Y = tagged
    boosted = BoostedClassifier(**CALM, rule=rule, members=3, random_state=0)
    boosted.fit(X, Y, validation=(X[:20], Y[:20]))
    hits = Y[np.arange(64), boosted.predict_proba(X).argmax(axis=1)]
    assert boosted.history_[-1].accuracy == pytest.approx(hits.mean())
    assert boosted.history_[-1].validation_accuracy == pytest.approx(hits[:20].mean())
    assert [row.member for row in boosted.history_] == sorted(20 * [1, 2, 3])


@pytest.mark.parametrize("kind", ["newton", "bagging"])
def test_residual_norms_are_those_of_the_prediction(kind, tagged):
    X, Y = tagged
    boosted = BoostedClassifier(**SETTINGS, rule=kind, members=3, random_state=0).fit(X, Y)
    assert boosted.residual_norms_.shape == (3, 3)
    norms = np.linalg.norm(Y - boosted.predict_proba(X), axis=0)
    np.testing.assert_allclose(boosted.residual_norms_[-1], norms)


def test_early_stopping_keeps_the_best_number_of_members(rule, rng):
    X = rng.standard_normal((200, 5))
    y = (X[:, 0] + X[:, 1] + 1.5 * rng.standard_normal(200) > 0).astype(int)
    samples, validation = (X[:100], y[:100]), (X[100:], y[100:])
    settings = CALM | {"rule": rule, "members": 30, "patience": 2, "random_state": 2}
    boosted = BoostedClassifier(**settings).fit(*samples, validation=validation)
    accuracies = [row.validation_accuracy for row in boosted.history_[19::20]]
    best = int(np.argmax(accuracies)) + 1
    assert len(accuracies) == best + 2 < 30
    assert len(boosted.members_) == len(boosted.residual_norms_) == best
    # Training anew just so many members ends in the same ensemble.
    p = boosted.predict_proba(X)
    boosted.set_params(members=best, patience=None).fit(*samples)
    np.testing.assert_array_equal(boosted.predict_proba(X), p)


def test_patience_needs_validation_data(tagged):
    with pytest.raises(ValueError, match="patience needs validation data"):
        BoostedClassifier(patience=2).fit(*tagged)

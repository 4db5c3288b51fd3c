"""Scores against scikit-learn's, and by hand."""

import numpy as np
import pytest
from sklearn import metrics as oracle

from pipeline.artifacts.predictions import Predictions
from pipeline.evaluate.metrics import (
    FALSE_POSITIVE_RATES,
    across_folds,
    by_threshold,
    confusion,
    per_class,
    roc,
    summarize,
)


def predictions(targets, scores, *, multilabel=False):
    """Targets (N, C), scores (R, N, C); class names are letters."""
    targets, scores = np.asarray(targets, np.int8), np.asarray(scores, np.float32)
    return Predictions(
        image_ids=[str(i) for i in range(len(targets))],
        targets=targets,
        scores=scores,
        classes=list("abcdefgh"[: targets.shape[1]]),
        multilabel=multilabel,
    )


def rng():
    return np.random.default_rng(0)


def random_predictions(*, multilabel, repeats=3, count=200, classes=4, seed=0):
    """Scores that are right more often than not."""
    generator = np.random.default_rng(seed)
    if multilabel:
        targets = (generator.random((count, classes)) < 0.4).astype(int)
        targets[targets.sum(1) == 0, 0] = 1
    else:
        targets = np.eye(classes, dtype=int)[generator.integers(classes, size=count)]
    scores = generator.random((repeats, count, classes)) + 0.6 * targets
    scores /= scores.max() if multilabel else scores.sum(2, keepdims=True)
    return predictions(targets, scores, multilabel=multilabel)


def summary(of, threshold=0.5, bootstrap=100):
    return summarize(of, threshold=threshold, bootstrap=bootstrap, rng=rng())


@pytest.fixture
def tiny():
    """Four pictures of three exclusive classes: right, right, a for b, b for c."""
    return predictions(
        [[1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1]],
        [[[0.8, 0.1, 0.1], [0.2, 0.5, 0.3], [0.6, 0.3, 0.1], [0.0, 0.75, 0.25]]],
    )


@pytest.fixture
def tagged():
    """Three pictures, of which two have two classes."""
    return predictions(
        [[1, 1, 0], [0, 0, 1], [1, 0, 1]],
        [[[0.9, 0.6, 0.7], [0.55, 0.1, 0.5], [0.2, 0.3, 0.8]]],
        multilabel=True,
    )


def test_exclusive_classes_by_hand(tiny):
    found = summary(tiny)
    assert found["accuracy"] == 0.5
    assert found["accuracy_sd"] == 0.0
    # precision a 1/2, b 1/2, c 0; recall a 1, b 1/2, c 0; F1 a 2/3, b 1/2, c 0
    assert found["macro_precision"] == pytest.approx(1 / 3, abs=1e-4)
    assert found["macro_recall"] == 0.5
    assert found["macro_f1"] == pytest.approx(7 / 18, abs=1e-4)
    assert found["micro_precision"] == found["micro_recall"] == found["micro_f1"] == 0.5
    log_loss = -(np.log(0.8) + np.log(0.5) + np.log(0.3) + np.log(0.25)) / 4
    assert found["log_loss"] == pytest.approx(log_loss, abs=1e-4)
    # pairs in order: a 3 of 3, b 1.. : 0.5 and 0.3 against 0.1 and 0.75: 2 of 4, c 2 of 3
    assert found["roc_auc"] == pytest.approx((3 / 3 + 2 / 4 + 2 / 3) / 3, abs=1e-4)


def test_the_threshold_has_no_say_in_exclusive_classes(tiny):
    assert summary(tiny, threshold=0.9) == summary(tiny, threshold=0.0)


def test_several_classes_by_hand(tagged):
    found = summary(tagged)
    assert found["accuracy"] == pytest.approx(2 / 3, abs=1e-4)  # hit@1: a of ab, a of c, c of ac
    # assigned above 0.5: abc, a, c; right: a, b / - / c; a 1 of 2, b 1 of 1, c 1 of 2
    assert found["macro_precision"] == pytest.approx(2 / 3, abs=1e-4)
    assert found["macro_recall"] == pytest.approx((1 / 2 + 1 + 1 / 2) / 3, abs=1e-4)
    assert found["micro_precision"] == 0.6
    assert found["micro_recall"] == 0.6
    right = np.array([0.9, 0.6, 0.3, 0.45, 0.9, 0.5, 0.2, 0.7, 0.8])
    assert found["log_loss"] == pytest.approx(-np.log(right).mean(), abs=1e-4)
    assert summary(tagged, threshold=0.85)["micro_precision"] == 1.0


@pytest.mark.parametrize("multilabel", [False, True])
@pytest.mark.parametrize("repeats", [1, 3])
@pytest.mark.parametrize("classes", [2, 4])
def test_against_scikit_learn(multilabel, repeats, classes):
    given = random_predictions(multilabel=multilabel, repeats=repeats, classes=classes)
    found = summary(given, threshold=0.4)
    expected = {}
    for scores in given.scores.astype(float):
        if multilabel:
            truth, guess = given.targets, (scores > 0.4).astype(int)
            top = scores.argmax(1)
            accuracy = given.targets[np.arange(len(top)), top].mean()
            log_loss = np.mean(
                [oracle.log_loss(given.targets[:, c], scores[:, c]) for c in range(classes)]
            )
        else:
            scores /= scores.sum(1, keepdims=True)
            truth, guess = given.targets.argmax(1), scores.argmax(1)
            accuracy = oracle.accuracy_score(truth, guess)
            log_loss = oracle.log_loss(truth, scores)
        row = {"accuracy": accuracy, "log_loss": log_loss}
        for average in ("macro", "micro"):
            for name in ("precision", "recall", "f1"):
                score = getattr(oracle, f"{name}_score")
                row[f"{average}_{name}"] = score(truth, guess, average=average)
        row["roc_auc"] = np.mean(
            [oracle.roc_auc_score(given.targets[:, c], scores[:, c]) for c in range(classes)]
        )
        row["average_precision"] = np.mean(
            [
                oracle.average_precision_score(given.targets[:, c], scores[:, c])
                for c in range(classes)
            ]
        )
        for name, value in row.items():
            expected.setdefault(name, []).append(value)
    for name, values in expected.items():
        assert found[name] == pytest.approx(np.mean(values), abs=6e-5), name
    spread = np.std(expected["accuracy"], ddof=1) if repeats > 1 else 0
    assert found["accuracy_sd"] == pytest.approx(spread, abs=6e-5)
    assert set(found) == set(expected) | {"accuracy_sd", "accuracy_low", "accuracy_high"}


@pytest.mark.parametrize("multilabel", [False, True])
def test_classes_against_scikit_learn(multilabel):
    given = random_predictions(multilabel=multilabel)
    found = per_class(given, threshold=0.4)
    expected = []
    for scores in given.scores:
        if multilabel:
            truth, guess = given.targets, (scores > 0.4).astype(int)
        else:
            truth, guess = given.targets.argmax(1), scores.argmax(1)
        expected.append(oracle.precision_recall_fscore_support(truth, guess)[:3])
    for name, values in zip(("precision", "recall", "f1"), np.mean(expected, 0), strict=True):
        np.testing.assert_allclose(found[name], values, atol=6e-5)
    np.testing.assert_array_equal(found["support"], given.targets.sum(0))


@pytest.mark.parametrize("multilabel", [False, True])
def test_a_class_without_test_pictures(tiny, multilabel):
    """It counts in no average over classes."""
    targets = np.hstack([tiny.targets, np.zeros((4, 1))])
    scores = np.concatenate([tiny.scores, np.zeros((1, 4, 1))], axis=2)
    with_class = predictions(targets, scores, multilabel=multilabel)
    without = predictions(tiny.targets, tiny.scores, multilabel=multilabel)
    found, before = summary(with_class), summary(without)
    assert found["roc_auc"] == before["roc_auc"]
    assert found["average_precision"] == before["average_precision"]
    assert found["accuracy"] == before["accuracy"]
    assert found["macro_f1"] == before["macro_f1"]
    assert per_class(with_class, threshold=0.5)["support"].tolist() == [1, 2, 1, 0]


@pytest.mark.parametrize(("multilabel", "targets"), [(False, [[1, 0]]), (True, [[1, 1]])])
def test_no_class_can_be_ranked(multilabel, targets):
    found = summary(predictions(targets * 3, [[[0.7, 0.3]] * 3], multilabel=multilabel))
    assert "roc_auc" not in found
    assert "average_precision" not in found
    assert found["accuracy"] == 1.0


def test_one_class_can_be_ranked():
    """b is in every picture and c in none; only a tells pictures apart."""
    given = predictions(
        [[1, 1, 0], [0, 1, 0], [0, 1, 0]],
        [[[0.6, 0.9, 0.1], [0.7, 0.8, 0.1], [0.1, 0.9, 0.2]]],
        multilabel=True,
    )
    found = summary(given)
    assert found["roc_auc"] == 0.5
    assert found["average_precision"] == 0.5


def test_scores_of_exactly_0_and_1():
    given = predictions([[1, 0], [0, 1]], [[[1, 0], [1, 0]]])
    found = summary(given)
    assert np.isfinite(found["log_loss"])
    assert found["log_loss"] > 10


def test_confusion_of_exclusive_classes(tiny):
    assert confusion(tiny) == [("a", "a"), ("b", "b"), ("b", "a"), ("c", "b")]


def test_confusion_of_several_classes():
    """A hit counts for the class it hit; a miss for every class of the picture."""
    given = predictions(
        [[1, 1, 0], [0, 1, 1], [0, 0, 1]],
        [[[0.1, 0.9, 0.2], [0.9, 0.1, 0.2], [0.1, 0.2, 0.9]], [[0.9, 0.1, 0.2]] * 3],
        multilabel=True,
    )
    first = [("b", "b"), ("b", "a"), ("c", "a"), ("c", "c")]
    second = [("a", "a"), ("b", "a"), ("c", "a"), ("c", "a")]
    assert confusion(given) == first + second


def test_confusion_against_scikit_learn():
    given = random_predictions(multilabel=False)
    truth = np.tile(given.targets.argmax(1), 3)
    table = oracle.confusion_matrix(truth, given.scores.argmax(2).ravel())
    pairs = confusion(given)
    for i, actual in enumerate(given.classes):
        for j, guess in enumerate(given.classes):
            assert pairs.count((actual, guess)) == table[i, j]


def test_the_interval_of_the_accuracy():
    given = random_predictions(multilabel=False)
    found = summary(given)
    assert found["accuracy_low"] < found["accuracy"] < found["accuracy_high"]
    assert summary(given) == found
    other = summarize(given, threshold=0.5, bootstrap=100, rng=np.random.default_rng(1))
    assert other["accuracy_low"] != found["accuracy_low"]
    assert {k: v for k, v in other.items() if k not in ("accuracy_low", "accuracy_high")} == {
        k: v for k, v in found.items() if k not in ("accuracy_low", "accuracy_high")
    }


def test_repeats_are_one_sample_of_pictures():
    """Equal repeats tell no more than one: the interval is over pictures."""
    given = random_predictions(multilabel=False, repeats=1)
    thrice = predictions(given.targets, np.repeat(given.scores, 3, axis=0))
    assert summary(thrice) == summary(given)


@pytest.mark.parametrize("multilabel", [False, True])
def test_across_folds(multilabel):
    folds = [
        random_predictions(multilabel=multilabel, repeats=1, count=n, seed=n) for n in (60, 61, 62)
    ]
    found = across_folds(folds, threshold=0.4)
    each = [summary(fold, 0.4) for fold in folds]
    for name in ("accuracy", "macro_f1", "micro_precision", "log_loss", "roc_auc"):
        values = [row[name] for row in each]
        assert found[name][0] == pytest.approx(np.mean(values), abs=2e-4)
        assert found[name][1] == pytest.approx(np.std(values, ddof=1), abs=2e-4)


def test_by_threshold():
    """Of exclusive classes, too, each is taken for itself."""
    of = random_predictions(multilabel=False)
    rows = by_threshold(of)
    assert [threshold for threshold, _ in rows] == pytest.approx(np.arange(1, 20) / 20)
    for threshold, scores in rows[::6]:
        expected = np.mean(
            [
                oracle.recall_score(of.targets, s > threshold, average=None, zero_division=0)
                for s in of.scores
            ],
            axis=0,
        )
        np.testing.assert_allclose(scores["recall"], expected, atol=1e-4)


def test_roc_by_hand(tiny):
    """Of four pictures a has one: its scores in order are 0.8 (a), 0.6, 0.2, 0."""
    found = roc(tiny)
    assert list(found) == ["a", "b", "c"]
    area, rates = found["a"]
    assert area == 1
    assert (rates == 1).all()  # at no false positive too
    area, rates = found["b"]  # 0.75, 0.5 (b), 0.3 (b), 0.1: of two others one scores higher
    assert area == 0.5
    np.testing.assert_array_equal(rates, FALSE_POSITIVE_RATES >= 0.5)


def test_roc_is_a_mean_over_the_repeats_and_leaves_out_what_has_no_curve():
    """Equal scores make a slope; c has no picture and d no other."""
    right, level = [[0.9, 0.1, 0.5, 0.5], [0.1, 0.9, 0.5, 0.5]], [[0.5] * 4] * 2
    found = roc(predictions([[1, 0, 0, 1], [0, 1, 0, 1]], [right, level], multilabel=True))
    assert list(found) == ["a", "b"]
    for area, rates in found.values():
        assert area == 0.75
        np.testing.assert_allclose(rates, (1 + FALSE_POSITIVE_RATES) / 2)


@pytest.mark.parametrize("multilabel", [False, True])
def test_the_areas_are_those_of_the_summary(multilabel):
    given = random_predictions(multilabel=multilabel)
    found = roc(given)
    mean = np.mean([area for area, _ in found.values()])
    assert mean == pytest.approx(summary(given)["roc_auc"], abs=1e-4)
    for area, rates in found.values():
        assert (np.diff(rates) >= 0).all()
        assert np.trapezoid(rates, FALSE_POSITIVE_RATES) == pytest.approx(area, abs=0.02)

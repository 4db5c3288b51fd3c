"""Scores of a run from its predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from sklearn.metrics import (
    average_precision_score,
    log_loss,
    precision_recall_fscore_support,
    roc_auc_score,
    roc_curve,
)

from pipeline.artifacts.predictions import Predictions
from pipeline.measure.decisions import decide
from pipeline.measure.intervals import bootstrap_interval

Array = NDArray[Any]

THRESHOLDS = tuple(round(0.05 * i, 2) for i in range(1, 20))
FALSE_POSITIVE_RATES = np.linspace(0, 1, 51)


def summarize(
    predictions: Predictions,
    *,
    threshold: float,
    bootstrap: int,
    rng: Generator,
    artists: Sequence[str] | None = None,
) -> dict[str, float]:
    """The metrics of one run, each the mean over its repeats.

    accuracy is hit@1, accuracy_sd its standard deviation over the repeats (0 for one), accuracy_low
    and accuracy_high its 95 % percentile bootstrap interval (Efron & Tibshirani 1993, ch. 13) over
    pictures, or over `artists` (N,) where they are given: where training knows none of them,
    pictures of one artist are right or wrong together. Precision, recall and F1 are of the classes
    assigned at `threshold`; macro averages over the classes that have test pictures, micro over
    decisions. log_loss: mean over pictures, and over classes where several are possible. roc_auc
    and average_precision: macro over the classes that some pictures have and some have not; left
    out where there are none.
    """
    found = predictions.hits
    per_repeat = found.mean(1)
    low, high = bootstrap_interval(found.mean(0), artists, resamples=bootstrap, rng=rng)
    rows = {
        "accuracy": per_repeat.mean(),
        "accuracy_sd": per_repeat.std(ddof=1) if len(per_repeat) > 1 else 0.0,
        "accuracy_low": low,
        "accuracy_high": high,
        **_scores(predictions, threshold),
    }
    return {name: round(float(value), 4) for name, value in rows.items()}


def across_folds(
    folds: Sequence[Predictions], *, threshold: float
) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation over the folds of a cross-validation, by the metric's name."""
    rows = [{"accuracy": fold.hits.mean(), **_scores(fold, threshold)} for fold in folds]
    values = {name: [row[name] for row in rows if name in row] for name in rows[0]}
    return {
        name: (round(float(np.mean(v)), 4), round(float(np.std(v, ddof=1)), 4))
        for name, v in values.items()
        if len(v) > 1
    }


def _scores(predictions: Predictions, threshold: float) -> dict[str, float]:
    """All but the accuracy."""
    rows: dict[str, float] = {}
    decisions = decide(predictions.scores, threshold=threshold, multilabel=predictions.multilabel)
    support = predictions.targets.sum(0)
    tested = np.flatnonzero(support)
    for average, labels in (("macro", tested), ("micro", None)):
        values = [_precision_recall_f1(predictions.targets, d, average, labels) for d in decisions]
        means = np.mean([v[:3] for v in values], 0)
        for name, value in zip(("precision", "recall", "f1"), means, strict=True):
            rows[f"{average}_{name}"] = value
    rows["log_loss"] = float(np.mean([_log_loss(predictions, s) for s in predictions.scores]))
    scorable = (support > 0) & (support < len(predictions.targets))
    if scorable.any():
        targets, scores = predictions.targets[:, scorable], predictions.scores[:, :, scorable]
        for name, score in [
            ("roc_auc", roc_auc_score),
            ("average_precision", average_precision_score),
        ]:
            rows[name] = float(np.mean([score(targets, s, average="macro") for s in scores]))
    return rows


def by_threshold(predictions: Predictions) -> list[tuple[float, dict[str, Array]]]:
    """Thresholds with what `per_class` gives when each class is assigned above them."""
    each = replace(predictions, multilabel=True)
    return [(threshold, per_class(each, threshold=threshold)) for threshold in THRESHOLDS]


def per_class(predictions: Predictions, *, threshold: float) -> dict[str, Array]:
    """precision, recall, f1 (means over the repeats) and support (pictures), each (C,)."""
    decisions = decide(predictions.scores, threshold=threshold, multilabel=predictions.multilabel)
    scores = [_precision_recall_f1(predictions.targets, d, None) for d in decisions]
    precision, recall, f1 = (np.mean([s[i] for s in scores], 0).round(4) for i in range(3))
    return {"precision": precision, "recall": recall, "f1": f1, "support": scores[0][3]}


def roc(predictions: Predictions) -> dict[str, tuple[float, Array]]:
    """Class -> area under its ROC curve and true positive rates at FALSE_POSITIVE_RATES.

    Both are means over the repeats (Fawcett 2006, Pattern Recognition Letters 27:861, section 8.1),
    of the classes that some pictures have and some have not.
    """
    curves = {}
    for name, target, scores in zip(
        predictions.classes,
        predictions.targets.T,
        predictions.scores.transpose(2, 0, 1),
        strict=True,
    ):
        if 0 < target.sum() < len(target):
            areas = [roc_auc_score(target, s) for s in scores]
            rates = [np.interp(FALSE_POSITIVE_RATES, *roc_curve(target, s)[:2]) for s in scores]
            curves[name] = float(np.mean(areas)), np.mean(rates, 0)
    return curves


def confusion(predictions: Predictions) -> list[tuple[str, str]]:
    """(actual, predicted) class names of every picture in every repeat.

    A hit counts once, for the class it hit; a miss counts for each of the picture's classes.
    """
    names, pairs = predictions.classes, []
    for top in predictions.scores.argmax(2):
        for target, guess in zip(predictions.targets, top, strict=True):
            actual = [guess] if target[guess] else np.flatnonzero(target)
            pairs += [(names[i], names[guess]) for i in actual]
    return pairs


def _precision_recall_f1(
    targets: Array, decisions: Array, average: str | None, labels: Array | None = None
) -> Any:
    return precision_recall_fscore_support(
        targets, decisions, labels=labels, average=average, zero_division=0.0
    )


def _log_loss(predictions: Predictions, scores: Array) -> float:
    scores = scores.astype(np.float64)
    if predictions.multilabel:
        return float(log_loss(predictions.targets.ravel(), scores.ravel(), labels=[0, 1]))
    scores /= scores.sum(1, keepdims=True)  # float32 sums to 1 within 1e-7 only
    actual = predictions.targets.argmax(1)
    return float(log_loss(actual, scores, labels=np.arange(scores.shape[1])))

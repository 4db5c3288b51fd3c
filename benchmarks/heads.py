"""Linear classifiers that choose their penalty, beside scikit-learn on the same fold.

    python benchmarks/heads.py [--rows 4000 --columns 744 --classes 10 --folds 5]

Of each fold the fit is on the others and the choice on it, of the same values by the same log loss:
`logistic` with `C: auto` beside LogisticRegressionCV without its last fit on all rows, `ridge` with
`alpha: auto` beside a Ridge for each value, whose scores get the same factor. Ours and
scikit-learn's are fitted alternately, each in one thread. Accuracy is that on as many rows more.
Columns are normal, of unit variance, and correlated (variances of their directions fall
exponentially); classes are drawn by a linear softmax. Prints a Markdown table of medians.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np
from hardware import described
from scipy.linalg import LinAlgWarning
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegressionCV, Ridge
from sklearn.model_selection import StratifiedKFold
from threadpoolctl import threadpool_limits

from pipeline.classifiers import logistic, ridge
from pipeline.measure.accuracy import best_tried

Fold = tuple[np.ndarray, np.ndarray]  # rows to fit on, rows to choose on
Found = tuple[float, Callable[[np.ndarray], np.ndarray]]  # the penalty, and X -> classes


def drawn(rows: int, columns: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """X (rows, columns) float32 and y (rows,)."""
    rng = np.random.default_rng(0)
    deviations = np.exp(-6 * np.arange(columns) / columns)
    directions = (rng.standard_normal((columns, columns)) * deviations).astype(np.float32)
    X = rng.standard_normal((rows, columns), dtype=np.float32) @ directions.T
    X /= X.std(axis=0)
    logits = X @ (4 / np.sqrt(columns) * rng.standard_normal((columns, classes)))
    return X, (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)


def our_logistic(X: np.ndarray, y: np.ndarray, fold: Fold) -> Found:
    fit, choose = fold
    found = logistic.LogisticClassifier("auto")
    found.fit(X[fit], y[fit], validation=(X[choose], y[choose]))
    return best_tried(found.path_).value, found.predict


def their_logistic(X: np.ndarray, y: np.ndarray, fold: Fold) -> Found:
    found = LogisticRegressionCV(
        Cs=logistic.PATH, cv=[fold], scoring="neg_log_loss", refit=False, l1_ratios=(0.0,),
        max_iter=logistic.MAX_ITER, use_legacy_attributes=False,
    ).fit(X, y)  # fmt: skip
    return float(found.C_), found.predict


def our_ridge(X: np.ndarray, y: np.ndarray, fold: Fold) -> Found:
    fit, choose = fold
    found = ridge.RidgeClassifier("auto")
    found.fit(X[fit], y[fit], validation=(X[choose], y[choose]))
    return best_tried(found.path_).value, found.predict


def their_ridge(X: np.ndarray, y: np.ndarray, fold: Fold) -> Found:
    fit, choose = fold
    targets = np.eye(y.max() + 1, dtype=X.dtype)[y]

    def loss(model: Ridge) -> float:
        scores = model.predict(X[choose])
        return minimize_scalar(
            lambda t: -(targets[choose] * log_softmax(np.exp(t) * scores, axis=1)).sum(),
            bounds=(-9, 9), method="bounded",
        ).fun  # fmt: skip

    models = [Ridge(alpha).fit(X[fit], targets[fit]) for alpha in ridge.PATH]
    best = min(models, key=loss)
    return best.alpha, lambda rows: best.predict(rows).argmax(axis=1)


RACES = {
    "logistic": (our_logistic, their_logistic),
    "ridge": (our_ridge, their_ridge),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--columns", type=int, default=744)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--folds", type=int, default=5)
    given = parser.parse_args()
    for warning in (ConvergenceWarning, LinAlgWarning):  # at values that are not chosen
        warnings.simplefilter("ignore", warning)
    X, y = drawn(2 * given.rows, given.columns, given.classes)
    (X, X_new), (y, y_new) = np.split(X, 2), np.split(y, 2)
    folds = list(StratifiedKFold(given.folds, shuffle=True, random_state=0).split(X, y))
    print(
        f"{given.rows} x {given.columns}, {given.classes} classes, {given.folds} folds; "
        f"{described('numpy', 'scipy', 'scikit-learn')}; 1 BLAS thread\n"
    )
    print("| | seconds a fold | test accuracy | chosen |")
    print("|---|---|---|---|")
    for name, race in RACES.items():
        rows: dict[int, list[tuple[float, float, float]]] = {0: [], 1: []}
        for number, fold in enumerate(folds):
            for which in (0, 1) if number % 2 == 0 else (1, 0):
                start = time.perf_counter()
                with threadpool_limits(1):
                    chosen, predict = race[which](X, y, fold)
                seconds = time.perf_counter() - start
                rows[which].append((seconds, float((predict(X_new) == y_new).mean()), chosen))
        for which, whose in enumerate(("ours", "scikit-learn's")):
            seconds, accuracies, chosen = zip(*rows[which], strict=True)
            values = ", ".join(f"{value:.3g}" for value in sorted(set(chosen)))
            print(
                f"| {name}, {whose} | {statistics.median(seconds):.2f} | "
                f"{statistics.median(accuracies):.4f} | {values} |",
                flush=True,
            )


if __name__ == "__main__":
    main()

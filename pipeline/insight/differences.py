"""Whether two runs differ: on the same test pictures, with the same resamples for both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import bdtr

from pipeline.artifacts.insight import CHANGED, DIFFERENCES
from pipeline.measure.accuracy import hits
from pipeline.measure.decisions import decide
from pipeline.measure.resampling import expanded_interval, group_positions, resampling_weights

Array = NDArray[Any]


@dataclass(frozen=True)
class Answers:
    """Of one run's R repeats on N pictures with C classes.

    hits: (R, N) bool, whether the top class is (one of) the picture's; assigned: (R, N, C) bool,
    the classes assigned at the run's threshold.
    """

    hits: NDArray[np.bool_]
    assigned: NDArray[np.bool_]

    @classmethod
    def of(cls, scores: Array, targets: Array, *, threshold: float, multilabel: bool) -> Answers:
        """Of scores (R, N, C) and targets (N, C) of 0 and 1."""
        assigned = decide(scores, threshold=threshold, multilabel=multilabel)
        return cls(hits(scores, targets), assigned)


def paired_differences(
    runs: Mapping[str, Answers],
    targets: Array,
    artists: Sequence[str] | None,
    *,
    resamples: int,
    rng: Generator,
) -> pd.DataFrame:
    """DIFFERENCES: a row for each two of the runs, the first less the other.

    accuracy and macro_f1, each with _low and _high: the difference, of means over the repeats, and
    its 95 % interval by a paired bootstrap: each resample draws pictures, or `artists` (N,) where
    they are given, once for all runs (Efron & Tibshirani 1993, ch. 8), and the interval is the
    expanded percentile one. With a single artist it is -1 to 1. Macro F1 is of the classes that
    have pictures, in a resample of those that have some there. As in McNemar's test, of the first
    repeats: only_run and only_other count the pictures that one alone has right, p_value is the
    mid-p of `mcnemar`, which takes pictures for independent, also where artists are given.
    """
    position = group_positions(artists, len(targets))
    n_groups = int(position.max()) + 1
    counts = [_GroupCounts.of(answers, targets, position) for answers in runs.values()]
    found = _statistics(counts, [np.ones((n_groups, 1), np.float32)])[:, :, 0]
    drawn = _statistics(counts, resampling_weights(n_groups, resamples=resamples, rng=rng))
    rows = []
    for (i, run), (j, other) in combinations(enumerate(runs), 2):
        row: dict[str, Any] = {"run": run, "other": other}
        for name, of, resampled in zip(("accuracy", "macro_f1"), found, drawn, strict=True):
            low, high = (
                expanded_interval(resampled[i] - resampled[j], n_groups)
                if n_groups > 1
                else (-1.0, 1.0)
            )
            row |= {name: of[i] - of[j], f"{name}_low": low, f"{name}_high": high}
        first, second = runs[run].hits[0], runs[other].hits[0]
        only_run, only_other = int((first & ~second).sum()), int((second & ~first).sum())
        row |= {"only_run": only_run, "only_other": only_other}
        rows.append(row | {"p_value": mcnemar(only_run, only_other)})
    # Sums of float32, so that what is 0 may come out as 1e-8.
    rounded = dict.fromkeys(DIFFERENCES[2:8], 6)
    return pd.DataFrame(rows, columns=DIFFERENCES).round(rounded)


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided mid-p value of McNemar's exact test, from the counts of pictures that one of two
    runs alone has right (Fagerland, Lydersen & Laake 2013, BMC Med Res Methodol 13:91)."""
    least, of = min(only_first, only_second), only_first + only_second
    below = float(bdtr(least - 1, of, 0.5)) if least else 0.0
    return below + float(bdtr(least, of, 0.5))  # 2 (P(X < least) + P(X = least) / 2)


def changed(runs: Mapping[str, Answers], image_ids: Sequence[str]) -> pa.Table:
    """CHANGED: the pictures that of two runs one alone has right, in their first repeats."""
    ids = np.asarray(image_ids, object)
    parts = [pa.Table.from_batches([], CHANGED)]
    for run, other in combinations(runs, 2):
        first, second = runs[run].hits[0], runs[other].hits[0]
        rows = np.flatnonzero(first != second)
        names = {"run": [run] * len(rows), "other": [other] * len(rows)}
        right = np.where(first[rows], run, other).tolist()
        parts.append(
            pa.table({**names, "image_id": ids[rows].tolist(), "right": right}, schema=CHANGED)
        )
    return pa.concat_tables(parts)


@dataclass(frozen=True)
class _GroupCounts:
    """What a run's scores of any resample follow from, G groups by columns.

    right: (G,) hits, mean over the repeats; sizes: (G,) pictures; support: (C, G) pictures of each
    class; true, assigned: for each repeat (C, G), those assigned rightly, and all assigned.
    """

    right: Array
    sizes: Array
    support: sparse.csr_array
    true: list[sparse.csr_array]
    assigned: list[sparse.csr_array]

    @classmethod
    def of(cls, answers: Answers, targets: Array, position: Array) -> _GroupCounts:
        return cls(
            right=np.bincount(position, answers.hits.mean(0)).astype(np.float32),
            sizes=np.bincount(position).astype(np.float32),
            support=_by_group(targets, position),
            true=[_by_group(targets & repeat, position) for repeat in answers.assigned],
            assigned=[_by_group(repeat, position) for repeat in answers.assigned],
        )


def _by_group(chosen: Array, position: Array) -> sparse.csr_array:
    """(N, C) of 0 and 1 -> (C, G), how many of each group."""
    picture, column = np.nonzero(chosen)
    shape = (chosen.shape[1], int(position.max()) + 1)
    ones = np.ones(len(picture), np.float32)
    return sparse.csr_array(sparse.coo_array((ones, (column, position[picture])), shape=shape))


def _statistics(runs: Sequence[_GroupCounts], blocks: Any) -> Array:
    """(2, S, B): accuracy and macro F1 of S runs in the B resamples of blocks (G, b) of weights."""
    parts = []
    for weights in blocks:
        support = runs[0].support @ weights  # (C, b)
        there = np.count_nonzero(support, 0)
        sizes = runs[0].sizes @ weights
        accuracy = [run.right @ weights / sizes for run in runs]
        macro_f1 = [
            np.mean(
                [
                    _f1(true @ weights, support, assigned @ weights).sum(0) / there
                    for true, assigned in zip(run.true, run.assigned, strict=True)
                ],
                0,
            )
            for run in runs
        ]
        parts.append(np.array([accuracy, macro_f1]))
    return np.concatenate(parts, 2)


def _f1(true: Array, support: Array, assigned: Array) -> Array:
    """2 tp / (2 tp + fp + fn), 0 without any of these, and of a class without pictures."""
    ratio: Array = 2 * true / np.maximum(support + assigned, 1)
    return ratio

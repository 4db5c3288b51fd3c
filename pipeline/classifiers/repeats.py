"""The trainings of a run: one for each seed, and its cross-validation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.classifiers.folds import assign_folds
from pipeline.classifiers.inputs import Inputs
from pipeline.classifiers.params import Run
from pipeline.classifiers.runs import TrainedRun, mistakes_of, processes, train
from pipeline.compute.parallel import forked_map
from pipeline.core.console import progress
from pipeline.measure.accuracy import Tried


@dataclass(frozen=True)
class Trainings:
    """The trainings of a run with the seeds seed, seed + 1, …, and its cross-validation.

    folds: (N,) the fold of each training picture, -1 of those never held out; out_of_fold: (N, C)
    its scores by the training of the first seed that did not see it; both None without a
    cross-validation.
    """

    repeats: list[TrainedRun]
    folds: NDArray[np.int64] | None = None
    out_of_fold: NDArray[np.float32] | None = None

    @property
    def parameters(self) -> int | None:
        """How many numbers are trained; None where nothing is."""
        return getattr(self.repeats[0].estimator, "n_parameters_", None)

    @property
    def seconds(self) -> list[float]:
        """Of each training."""
        return [round(repeat.estimator.seconds_, 3) for repeat in self.repeats]

    @property
    def seconds_per_epoch(self) -> float | None:
        """None without epochs."""
        estimators = [repeat.estimator for repeat in self.repeats]
        epochs = sum(len(estimator.history_) for estimator in estimators)
        total = sum(estimator.seconds_ for estimator in estimators)
        return round(total / epochs, 4) if epochs else None

    def residual_norms(self) -> list[list[float]]:
        """Of each member of an ensemble and class: means over the repeats, as far as all went."""
        estimators = [repeat.estimator for repeat in self.repeats]
        norms = [e.residual_norms_ for e in estimators if hasattr(e, "residual_norms_")]
        if not norms:
            return []
        shortest = min(map(len, norms))
        means: list[list[float]] = np.mean([n[:shortest] for n in norms], 0).round(6).tolist()
        return means

    @property
    def dropped(self) -> int:
        """How many members of ensembles were not kept, in all repeats."""
        return sum(len(getattr(repeat.estimator, "dropped_", ())) for repeat in self.repeats)

    @property
    def path(self) -> list[Tried]:
        """The penalties that the first training tried; empty where none is to be chosen."""
        return getattr(self.repeats[0].estimator, "path_", [])


def train_all(name: str, params: Run, inputs: Inputs) -> Trainings:
    """Train with every seed and for every fold, several at once. Errors: `UserError`."""
    data = inputs.data
    training, validation = (data[inputs.split == part] for part in ("train", "validation"))
    folds = None if params.folds == "none" else folds_of(inputs, params.folds, params.seed)
    jobs: list[tuple[int, int | None]] = [(params.seed + i, None) for i in range(params.repeats)]
    if folds is not None:
        jobs += [(params.seed, fold) for fold in range(folds.max() + 1)]

    def one(job: tuple[int, int | None]) -> TrainedRun | NDArray[np.float32]:
        """A training on all training pictures, or the scores of those of a fold left out."""
        seed, fold = job
        left_out = np.full(len(training.targets), False) if folds is None else folds == fold
        seen = training if fold is None else training[~left_out]
        with mistakes_of(f"classifiers.{name}"):
            trained = train(params, seen, validation, seed=seed)
        return trained if fold is None else trained.scores(training.vectors[left_out])

    results = list(
        progress(forked_map(one, jobs, processes=processes(data)), what=name, total=len(jobs))
    )
    repeats = [result for result in results if isinstance(result, TrainedRun)]
    if folds is None:
        return Trainings(repeats)
    scores = np.full(training.targets.shape, np.nan, np.float32)
    out_of_fold = (result for result in results if not isinstance(result, TrainedRun))
    for fold, part in enumerate(out_of_fold):
        scores[folds == fold] = part
    return Trainings(repeats, folds, scores)


def folds_of(inputs: Inputs, folds: int, seed: int) -> NDArray[np.int64]:
    """As `assign_folds`, of the training pictures, by artist where the split is."""
    training = inputs.table.filter(inputs.split == "train")
    labels = [tuple(row) for row in training["labels"].to_pylist()]
    artists = training["artist"].to_pylist() if inputs.artists_apart else None
    return assign_folds(labels, artists, folds=folds, seed=seed)

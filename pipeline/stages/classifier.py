"""Stage classifier@RUN: data/images, one input -> predictions, model, history, training of RUN."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.accuracy import hits
from pipeline.console import counted, progress, run
from pipeline.errors import UserError
from pipeline.folds import assign_folds
from pipeline.histories import write_history
from pipeline.inputs import Inputs, read_inputs
from pipeline.models import megabytes
from pipeline.parallel import forked_map
from pipeline.params import Run, load_params, named
from pipeline.predictions import predictions_table, read_predictions, write_predictions
from pipeline.runs import Dataset, TrainedRun, processes, train
from pipeline.tables import replacing


def train_all(
    name: str, params: Run, inputs: Inputs
) -> tuple[list[TrainedRun], NDArray[np.int64] | None, NDArray[np.float32] | None]:
    """The trainings of a run with the seeds seed, seed + 1, …, and its cross-validation.

    The latter are (N,) the fold of each training picture and (N, C) its scores by the training of
    seed `seed` that did not see it; None without folds. Errors: `UserError`.
    """
    data = Dataset(inputs.vectors, inputs.targets)
    multilabel = inputs.multilabel
    training, validation = (data[inputs.split == part] for part in ("train", "validation"))
    folds = None if params.folds == "none" else folds_of(inputs, params.folds, params.seed)
    jobs: list[tuple[int, int | None]] = [(params.seed + i, None) for i in range(params.repeats)]
    if folds is not None:
        jobs += [(params.seed, fold) for fold in range(folds.max() + 1)]

    def one(job: tuple[int, int | None]) -> TrainedRun | NDArray[np.float32]:
        """A training on all training pictures, or the scores of those of a fold left out."""
        seed, fold = job
        left_out = np.full(len(training.targets), False) if folds is None else folds == fold
        try:
            trained = train(
                params, training if fold is None else training[~left_out], validation,
                multilabel=multilabel, image_shape=inputs.image_shape, seed=seed,
            )  # fmt: skip
        except (FloatingPointError, ValueError) as error:
            raise UserError(f"classifiers.{name}: {error}") from None
        return trained if fold is None else trained.scores(training.vectors[left_out])

    results = list(
        progress(forked_map(one, jobs, processes=processes(data)), what=name, total=len(jobs))
    )
    repeats = [result for result in results if isinstance(result, TrainedRun)]
    if folds is None:
        return repeats, None, None
    scores = np.empty(training.targets.shape, np.float32)
    out_of_fold = (result for result in results if not isinstance(result, TrainedRun))
    for fold, part in enumerate(out_of_fold):
        scores[folds == fold] = part
    return repeats, folds, scores


def folds_of(inputs: Inputs, folds: int, seed: int) -> NDArray[np.int64]:
    """(N,) the fold of each training picture, by artist where the split is."""
    training = inputs.table.filter(inputs.split == "train")
    labels = [tuple(row) for row in training["labels"].to_pylist()]
    artists = training["artist"].to_pylist() if inputs.artists_apart else None
    return assign_folds(labels, artists, folds=folds, seed=seed)


def training(repeats: list[TrainedRun]) -> dict[str, Any]:
    """Seconds of each repeat and of an epoch, the number of trained parameters, residual norms of
    each member and class."""
    estimators = [trained.estimator for trained in repeats]
    seconds = [estimator.seconds_ for estimator in estimators]
    epochs = sum(len(estimator.history_) for estimator in estimators)
    norms = [e.residual_norms_ for e in estimators if hasattr(e, "residual_norms_")]
    shortest = min(map(len, norms), default=0)
    return {
        "seconds": [round(value, 3) for value in seconds],
        "seconds_per_epoch": round(sum(seconds) / epochs, 4) if epochs else None,
        "parameters": getattr(estimators[0], "n_parameters_", None),
        "residual_norms": np.mean([n[:shortest] for n in norms], 0).round(6).tolist()
        if norms
        else [],
    }


def main() -> None:
    name = sys.argv[1]
    images_dir, input_dir, predictions_path, model_path, history_file, training_file = map(
        Path, sys.argv[2:]
    )
    params = named(load_params().classifiers, name, section="classifiers")
    inputs = read_inputs(images_dir, input_dir, params.input)
    repeats, folds, out_of_fold = train_all(name, params, inputs)
    held_out = inputs.split != "train"
    facts = {"classes": inputs.classes, "multilabel": repeats[0].estimator.multilabel_}
    scores = np.stack([trained.scores(inputs.vectors[held_out]) for trained in repeats])
    tables = [predictions_table(inputs.table.filter(held_out), scores, **facts)]
    if folds is not None and out_of_fold is not None:
        rows = inputs.table.filter(~held_out)
        tables.append(predictions_table(rows, out_of_fold[None], **facts, folds=folds))
    write_predictions(predictions_path, pa.concat_tables(tables))
    repeats[0].save(
        model_path,
        run=params,
        image_shape=inputs.image_shape,
        classes=inputs.classes,
        **inputs.provenance,
    )
    write_history(history_file, [trained.estimator.history_ for trained in repeats])
    course = {**training(repeats), "megabytes": megabytes(model_path)}
    with replacing(training_file) as temporary:
        temporary.write_text(json.dumps(course) + "\n")
    kept = hits(read_predictions(predictions_path, split="validation")).mean()
    print(
        f"classifier {name}: validation accuracy {kept:.3f}; "
        f"{counted(params.repeats, 'training')}, {np.mean(course['seconds']):.1f} s each"
        + ("" if folds is None else f"; {params.folds} folds")
    )


if __name__ == "__main__":
    run(main)

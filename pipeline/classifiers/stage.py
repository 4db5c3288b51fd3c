"""Stage classifier@RUN: data/images, one input -> predictions, model, history, training of RUN."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from pipeline.artifacts import models
from pipeline.artifacts.histories import history_path, write_history
from pipeline.artifacts.predictions import predictions_path, predictions_table, read_predictions
from pipeline.artifacts.trainings import write_training
from pipeline.classifiers.inputs import Inputs, read_inputs
from pipeline.classifiers.params import Run
from pipeline.classifiers.repeats import Trainings, train_all
from pipeline.core.console import counted
from pipeline.core.parquet import write_file


def classifier(name: str, params: Run) -> str:
    """Train the run, score what it did not see, write both; returns how well it did."""
    inputs = read_inputs(params)
    trained = train_all(name, params, inputs)
    predictions, model = predictions_path(name), models.run_path(name)
    write_file(predictions, scored(trained, inputs))
    trained.repeats[0].save(
        model,
        run=params,
        image_shape=inputs.image_shape,
        classes=inputs.classes,
        **inputs.provenance,
    )
    write_history(history_path(name), [repeat.estimator.history_ for repeat in trained.repeats])
    write_training(
        name,
        model,
        parameters=trained.parameters,
        seconds=trained.seconds,
        per_epoch=trained.seconds_per_epoch,
        residual_norms=trained.residual_norms(),
        dropped=trained.dropped,
        path=trained.path,
        temperature=trained.repeats[0].temperature,
    )
    accuracy = read_predictions(predictions, split="validation").hits.mean()
    return (
        f"classifier {name}: validation accuracy {accuracy:.3f}; "
        f"{counted(params.repeats, 'training')}, {np.mean(trained.seconds):.1f} s each"
        + ("" if trained.folds is None else f"; {params.folds} folds")
    )


def scored(trained: Trainings, inputs: Inputs) -> pa.Table:
    """The scores of validation and test pictures, and those of training pictures out of fold."""
    held_out = inputs.split != "train"
    multilabel = trained.repeats[0].estimator.multilabel_
    scores = np.stack([repeat.scores(inputs.vectors[held_out]) for repeat in trained.repeats])
    tables = [
        predictions_table(
            inputs.table.filter(held_out), scores, classes=inputs.classes, multilabel=multilabel
        )
    ]
    if trained.folds is not None and trained.out_of_fold is not None:
        folded = trained.folds >= 0
        tables.append(
            predictions_table(
                inputs.table.filter(~held_out).filter(folded),
                trained.out_of_fold[None, folded],
                classes=inputs.classes,
                multilabel=multilabel,
                folds=trained.folds[folded],
            )
        )
    return pa.concat_tables(tables)

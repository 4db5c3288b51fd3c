"""Stage stack@NAME: data/predictions of some runs -> those of a logistic regression of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.artifacts import models, predictions
from pipeline.artifacts.predictions import (
    Predictions,
    predictions_table,
    read_held_out,
    read_predictions,
)
from pipeline.artifacts.trainings import write_training
from pipeline.core.errors import UserError
from pipeline.core.parquet import write_file
from pipeline.stacks.params import StackParams
from pipeline.stacks.stacking import Stack


def stack(name: str, params: StackParams) -> str:
    """Fit the stack to its members' scores out of fold, score what is held out; returns how well.

    Of the members it takes the first repeat, which is what `models` keeps of a run.
    """
    paths = [predictions.predictions_path(member) for member in params.runs]
    out_of_fold = [read_predictions(path, split="train") for path in paths]
    first, common = out_of_fold[0], in_all(out_of_fold)
    targets = first.targets[common[0]]
    if targets.any(0).sum() < 2:
        raise UserError(
            f"stacks.{name} has pictures of one class to learn from, as the others have fewer than "
            f"folds: lower the folds of {', '.join(params.runs)}"
        )
    fitted = Stack.fit(
        params.runs,
        [member.scores[0, rows] for member, rows in zip(out_of_fold, common, strict=True)],
        targets,
        classes=first.classes,
        multilabel=first.multilabel,
        C=params.C,
    )
    if params.calibrate == "temperature":
        known = [read_predictions(path, split="validation") for path in paths]
        fitted = fitted.calibrated([member.scores[0] for member in known], known[0].targets)
    held_out = [read_held_out(path) for path in paths]
    table = predictions_table(
        held_out[0][0],
        fitted.scores([scores[0] for _, scores in held_out])[None],
        classes=first.classes,
        multilabel=first.multilabel,
    )
    stacked, model = predictions.stacked_path(name), models.stack_path(name)
    write_file(stacked, table)
    fitted.save(model)
    seconds = [round(fitted.estimator.seconds_, 3)]
    write_training(
        name,
        model,
        parameters=fitted.estimator.n_parameters_,
        seconds=seconds,
        temperature=fitted.temperature,
    )
    accuracy = read_predictions(stacked, split="validation").hits.mean()
    return f"stack {name}: validation accuracy {accuracy:.3f}, of {', '.join(params.runs)}"


def in_all(members: Sequence[Predictions]) -> list[NDArray[np.intp]]:
    """Of each member the rows of the pictures that all have: its folds may leave some out."""
    common = set(members[0].image_ids).intersection(*(member.image_ids for member in members))
    return [
        np.flatnonzero([image_id in common for image_id in member.image_ids]) for member in members
    ]

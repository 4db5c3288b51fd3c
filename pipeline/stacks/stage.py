"""Stage stack@NAME: data/predictions of some runs -> those of a logistic regression of them."""

from __future__ import annotations

from pipeline.artifacts import models, predictions
from pipeline.artifacts.predictions import predictions_table, read_held_out, read_predictions
from pipeline.artifacts.trainings import write_training
from pipeline.core.parquet import write_file
from pipeline.stacks.params import StackParams
from pipeline.stacks.stacking import Stack


def stack(name: str, params: StackParams) -> str:
    """Fit the stack to its members' scores out of fold, score what is held out; returns how well.

    Of the members it takes the first repeat, which is what `models` keeps of a run.
    """
    paths = [predictions.predictions_path(member) for member in params.runs]
    out_of_fold = [read_predictions(path, split="train") for path in paths]
    first = out_of_fold[0]
    fitted = Stack.fit(
        params.runs,
        [member.scores[0] for member in out_of_fold],
        first.targets,
        classes=first.classes,
        multilabel=first.multilabel,
        C=params.C,
    )
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
    write_training(name, model, parameters=fitted.estimator.n_parameters_, seconds=seconds)
    accuracy = read_predictions(stacked, split="validation").hits.mean()
    return f"stack {name}: validation accuracy {accuracy:.3f}, of {', '.join(params.runs)}"

"""Stage stack@NAME: data/predictions of some runs -> those of a logistic regression of them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pipeline.accuracy import hits
from pipeline.console import run
from pipeline.models import megabytes
from pipeline.params import load_params, named
from pipeline.predictions import (
    predictions_table,
    read_held_out,
    read_predictions,
    write_predictions,
)
from pipeline.stacking import Stack
from pipeline.tables import replacing


def main() -> None:
    name = sys.argv[1]
    predictions_dir, stacked_path, model_path, training_file = map(Path, sys.argv[2:])
    params = named(load_params().stacks, name, section="stacks")
    paths = [predictions_dir / f"{member}.parquet" for member in params.runs]
    # The first repeat is what `models` keeps of a run.
    out_of_fold = [read_predictions(path, split="train") for path in paths]
    first = out_of_fold[0]
    stack = Stack.fit(
        params.runs,
        [predictions.scores[0] for predictions in out_of_fold],
        first.targets,
        classes=first.classes,
        multilabel=first.multilabel,
        C=params.C,
    )
    held_out = [read_held_out(path) for path in paths]
    table = predictions_table(
        held_out[0][0],
        stack.scores([scores[0] for _, scores in held_out])[None],
        classes=first.classes,
        multilabel=first.multilabel,
    )
    write_predictions(stacked_path, table)
    stack.save(model_path)
    seconds = [round(stack.estimator.seconds_, 3)]
    training = {
        "seconds": seconds,
        "seconds_per_epoch": None,
        "parameters": stack.estimator.n_parameters_,
        "megabytes": megabytes(model_path),
        "residual_norms": [],
    }
    with replacing(training_file) as temporary:
        temporary.write_text(json.dumps(training) + "\n")
    kept = hits(read_predictions(stacked_path, split="validation")).mean()
    print(f"stack {name}: validation accuracy {kept:.3f}, of {', '.join(params.runs)}")


if __name__ == "__main__":
    run(main)

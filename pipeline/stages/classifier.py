"""Stage classifier@RUN: data/components -> predictions, model, history and timings of RUN."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.console import progress, run
from pipeline.errors import UserError
from pipeline.metrics import hits
from pipeline.params import load_params
from pipeline.predictions import (
    one_hot,
    predictions_table,
    read_predictions,
    write_predictions,
)
from pipeline.runs import Dataset, TrainedRun, train
from pipeline.tables import Shards, from_vectors, replacing


def history(repeats: list[TrainedRun]) -> pd.DataFrame:
    """Columns repeat, epoch, loss, accuracy, validation_accuracy, member."""
    rows = [
        {"repeat": repeat, **asdict(epoch)}
        for repeat, trained in enumerate(repeats)
        for epoch in trained.estimator.history_
    ]
    return pd.DataFrame(rows).round(6)


def main() -> None:
    runs = load_params().classifiers
    name = sys.argv[1]
    components_dir, predictions_path, model_path, history_file, timings_file = map(
        Path, sys.argv[2:]
    )
    if name not in runs:
        raise UserError(f"there is no entry {name!r} in classifiers: it has {', '.join(runs)}")
    params = runs[name]
    components = Shards(components_dir)
    classes = components.metadata["classes"]
    table = components.read(["image_id", "labels", "split", "components"])
    targets = one_hot(table["labels"].to_pylist(), classes)
    multilabel = bool((targets.sum(1) != 1).any())
    vectors = from_vectors(table["components"])
    split = table["split"].to_numpy()
    training, validation = (
        Dataset(vectors[split == part], targets[split == part]) for part in ("train", "validation")
    )
    repeats = [
        train(params, training, validation, multilabel=multilabel, repeat=repeat)
        for repeat in progress(range(params.repeats), what=name, total=params.repeats)
    ]
    held_out = split != "train"
    scores = np.stack([trained.scores(vectors[held_out]) for trained in repeats])
    rows = table.filter(held_out)
    write_predictions(
        predictions_path, predictions_table(rows, scores, classes=classes, multilabel=multilabel)
    )
    repeats[0].save(model_path, run=params, **components.metadata)
    with replacing(history_file) as temporary:
        history(repeats).to_csv(temporary, index=False)
    seconds = [round(trained.estimator.seconds_, 3) for trained in repeats]
    with replacing(timings_file) as temporary:
        temporary.write_text(json.dumps({"training_seconds": seconds}) + "\n")
    kept = hits(read_predictions(predictions_path, split="validation")).mean()
    epochs = "/".join(str(count) for count in sorted({len(t.estimator.history_) for t in repeats}))
    print(
        f"classifier {name}: validation accuracy {kept:.3f}; {params.repeats} trainings of "
        f"{epochs} epochs, {np.mean(seconds):.1f} s each"
    )


if __name__ == "__main__":
    run(main)

"""Stage cnn@RUN: data/images, data/pixels -> predictions, model, history, … of RUN."""

from __future__ import annotations

import numpy as np
import torch

from pipeline.artifacts import models
from pipeline.artifacts.explanations import write_explanations
from pipeline.artifacts.histories import history_path, write_history
from pipeline.artifacts.predictions import predictions_path, predictions_table, read_predictions
from pipeline.artifacts.trainings import write_training
from pipeline.cnns.architectures.registry import parameters
from pipeline.cnns.explanations import explain
from pipeline.cnns.inputs import Pictures, PixelInputs, read_pixel_inputs
from pipeline.cnns.memory import keep_freed_memory
from pipeline.cnns.params import CnnRun
from pipeline.cnns.repeats import Repeat, train_one
from pipeline.compute.distributed import World
from pipeline.compute.parallel import cores
from pipeline.core.console import counted
from pipeline.core.errors import UserError
from pipeline.core.parquet import write_file


def cnn(name: str, params: CnnRun) -> str | None:
    """Train the network, together with the other processes there are, score what it did not see
    and write both; returns how well it did, in the first process. Errors: `UserError`."""
    inputs = read_pixel_inputs()
    world = World.from_env()
    keep_freed_memory()
    torch.set_num_threads(max(1, cores() // world.local_size))
    torch.backends.cudnn.deterministic = True
    try:
        with world.connected():
            repeats = [
                train_one(name, params, inputs, repeat=repeat, world=world)
                for repeat in range(params.repeats)
            ]
    except (UserError, FloatingPointError) as error:
        raise UserError(f"cnns.{name}: {error}") from None
    if world.rank > 0:
        return None
    predictions, model = predictions_path(name), models.cnn_path(name)
    scores = np.stack([repeat.scores for repeat in repeats])
    rows = inputs.table.filter(inputs.split != "train")
    table = predictions_table(rows, scores, classes=inputs.classes, multilabel=inputs.multilabel)
    write_file(predictions, table)
    network = repeats[0].network
    network.save(model, pixels=inputs.options)
    write_history(history_path(name), [repeat.history for repeat in repeats])
    count = parameters(network.network)
    seconds = [round(sum(repeat.seconds), 3) for repeat in repeats]
    per_epoch = round(float(np.median([s for r in repeats for s in r.seconds])), 3)
    write_training(
        name,
        model,
        parameters=count,
        seconds=seconds,
        per_epoch=per_epoch,
        temperature=network.temperature,
    )
    explain_tests(name, params, inputs, repeats[0])
    for repeat in repeats:
        repeat.checkpoint.remove()
    accuracy = read_predictions(predictions, split="validation").hits.mean()
    trunk = repeats[0].network.trunk
    return (
        f"cnn {name}: validation accuracy {accuracy:.3f}; {count:,} parameters, "
        f"{counted(params.repeats, 'training')}, {np.mean(seconds):.1f} s each"
        + (f"; {trunk.name} (trained on: {trunk.trained_on})" if trunk else "")
    )


def explain_tests(name: str, params: CnnRun, inputs: PixelInputs, repeat: Repeat) -> None:
    """Write what the network looked at in some test pictures."""
    test = inputs.split == "test"
    explained = explain(
        repeat.network,
        Pictures(inputs.pixels, np.flatnonzero(test), inputs.targets[test]),
        inputs.table.filter(test).select(["image_id", "labels"]),
        repeat.scores[test[inputs.split != "train"]],
        count=params.explain,
    )
    write_explanations(name, explained)

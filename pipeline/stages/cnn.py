"""Stage cnn@RUN: data/images, data/pixels -> predictions, model, history, …, explanations."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.accuracy import hits
from pipeline.checkpoints import Checkpoint, training_digest
from pipeline.cnns.registry import parameters
from pipeline.console import counted, progress, run
from pipeline.devices import choose_device, choose_precision
from pipeline.distributed import World
from pipeline.epochs import Epoch
from pipeline.errors import UserError
from pipeline.explanations import explain, write_explanations
from pipeline.histories import write_history
from pipeline.inputs import PixelInputs, read_pixel_inputs
from pipeline.memory import keep_freed_memory
from pipeline.models import megabytes
from pipeline.networks import TrainedNetwork, make_network, phases
from pipeline.parallel import cores
from pipeline.params import CnnRun, load_params, named
from pipeline.predictions import predictions_table, read_predictions, write_predictions
from pipeline.tables import replacing
from pipeline.training import Pictures, Trainer, set_output_bias


@dataclass(frozen=True)
class Repeat:
    """One training: the network, its epochs, and its scores (N, L) of the held-out pictures."""

    network: TrainedNetwork
    history: list[Epoch]
    seconds: list[float]  # of each epoch
    scores: NDArray[np.float32]
    checkpoint: Checkpoint


def train_one(
    name: str,
    params: CnnRun,
    inputs: PixelInputs,
    *,
    seed: int,
    checkpoint: Path,
    pretrained_dir: Path,
    world: World,
) -> Repeat:
    """The training with this seed, from its last checkpoint if there is one.

    Raises `UserError`, and `FloatingPointError` when the training diverges.
    """
    split, targets = inputs.split, inputs.targets
    training, validation, held_out = (
        Pictures(inputs.pixels, np.flatnonzero(rows), targets[rows])
        for rows in (split == "train", split == "validation", split != "train")
    )
    if params.batch_size > len(training):
        raise UserError(
            f"batch_size is {params.batch_size}, but there are {len(training)} training pictures: "
            "lower it"
        )
    device = choose_device(params.device, local_rank=world.local_rank)
    network, trunk = make_network(params, training, seed=seed, pretrained_dir=pretrained_dir)
    if params.output_bias == "frequencies":
        set_output_bias(network, training.targets, multilabel=inputs.multilabel)
    trainer = Trainer(
        network,
        params,
        phases(params, network),
        multilabel=inputs.multilabel,
        seed=seed,
        device=device,
        dtype=choose_precision(params.precision, device, training=True),
        world=world,
    )
    digest = training_digest(
        params=params.model_dump(mode="json"), seed=seed, pixels=inputs.options,
        trunk=trunk and trunk.digest, processes=world.size, device=device.type,
        pictures=inputs.table.select(["image_id", "labels", "split"]).to_pylist(),
    )  # fmt: skip
    saved = Checkpoint(checkpoint, digest, writes=world.rank == 0)
    epochs = trainer.fit(training, validation, checkpoint=saved)
    total = sum(phase.epochs for phase in trainer.phases)
    counted = 0

    def gained(row: Epoch) -> int:  # more than one in the first epoch after a checkpoint
        nonlocal counted
        before, counted = counted, row.epoch
        return counted - before

    for _ in progress(epochs, what=f"{name}, epoch", total=total, size=gained):
        pass
    trained = TrainedNetwork(
        trainer.evaluated, params, trunk, training.shape, inputs.classes, inputs.multilabel
    )
    done = trainer.progress
    return Repeat(trained, done.history, done.seconds, trainer.scores(held_out), saved)


def main() -> None:
    name = sys.argv[1]
    (
        images_dir, pixels_dir, pretrained_dir, checkpoints_dir,
        predictions_path, model_path, history_file, training_file, explanations_path,
    ) = map(Path, sys.argv[2:])  # fmt: skip
    params = named(load_params().cnns, name, section="cnns")
    inputs = read_pixel_inputs(images_dir, pixels_dir)
    world = World.from_env()
    keep_freed_memory()
    torch.set_num_threads(max(1, cores() // world.local_size))
    torch.backends.cudnn.deterministic = True
    try:
        with world.connected():
            repeats = [
                train_one(
                    name,
                    params,
                    inputs,
                    seed=params.seed + repeat,
                    checkpoint=checkpoints_dir / f"{name}.{repeat}.safetensors",
                    pretrained_dir=pretrained_dir,
                    world=world,
                )
                for repeat in range(params.repeats)
            ]
    except (UserError, FloatingPointError) as error:
        raise UserError(f"cnns.{name}: {error}") from None
    if world.rank > 0:
        return
    held_out = inputs.table.filter(inputs.split != "train")
    scores = np.stack([repeat.scores for repeat in repeats])
    write_predictions(
        predictions_path,
        predictions_table(held_out, scores, classes=inputs.classes, multilabel=inputs.multilabel),
    )
    network = repeats[0].network
    network.save(model_path, pixels=inputs.options)
    write_history(history_file, [repeat.history for repeat in repeats])
    count = parameters(network.network)
    seconds = [round(sum(repeat.seconds), 3) for repeat in repeats]
    training = {
        "seconds": seconds,
        "seconds_per_epoch": round(float(np.median([s for r in repeats for s in r.seconds])), 3),
        "parameters": count,
        "megabytes": megabytes(model_path),
        "residual_norms": [],
    }
    with replacing(training_file) as temporary:
        temporary.write_text(json.dumps(training) + "\n")
    test = inputs.split == "test"
    explained = explain(
        network,
        Pictures(inputs.pixels, np.flatnonzero(test), inputs.targets[test]),
        inputs.table.filter(test).select(["image_id", "labels"]),
        repeats[0].scores[test[inputs.split != "train"]],
        count=params.explain,
    )
    write_explanations(explanations_path, explained)
    for repeat in repeats:
        repeat.checkpoint.remove()
    kept = hits(read_predictions(predictions_path, split="validation")).mean()
    print(
        f"cnn {name}: validation accuracy {kept:.3f}; {count:,} parameters, "
        f"{counted(params.repeats, 'training')}, {np.mean(seconds):.1f} s each"
    )


if __name__ == "__main__":
    run(main)

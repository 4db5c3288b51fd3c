"""The trainings of a network on pixels, one for each seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.artifacts import models
from pipeline.cnns.checkpoints import Checkpoint, training_digest
from pipeline.cnns.inputs import Pictures, PixelInputs
from pipeline.cnns.network import make_network
from pipeline.cnns.optimization import set_output_bias
from pipeline.cnns.params import CnnRun
from pipeline.cnns.trained import TrainedNetwork
from pipeline.cnns.training import Trainer, phases
from pipeline.compute.devices import choose_device, choose_precision
from pipeline.compute.distributed import World
from pipeline.core.console import progress
from pipeline.measure.accuracy import Epoch
from pipeline.measure.temperature import at_temperature, fit_temperature


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
    repeat: int,
    world: World,
) -> Repeat:
    """The training with the seed of this repeat, from its last checkpoint if there is one.

    Raises `UserError`, and `FloatingPointError` when the training diverges.
    """
    split, targets = inputs.split, inputs.targets
    training, validation, held_out = (
        Pictures(inputs.pixels, np.flatnonzero(rows), targets[rows])
        for rows in (split == "train", split == "validation", split != "train")
    )
    seed = params.seed + repeat
    device = choose_device(params.device, local_rank=world.local_rank)
    network, trunk = make_network(params, training, seed=seed, pretrained_dir=models.PRETRAINED)
    if params.output_bias == "frequencies":
        set_output_bias(network, training.targets, multilabel=inputs.multilabel)
    trainer = Trainer(
        network,
        params,
        phases(params, network),
        multilabel=inputs.multilabel,
        seed=seed,
        device=device,
        dtype=choose_precision(params.precision, device, matrix_unit=True),
        world=world,
    )
    digest = training_digest(
        params=params.model_dump(mode="json"), seed=seed, pixels=inputs.options,
        trunk=trunk and trunk.digest, processes=world.size, device=device.type,
        pictures=inputs.table.select(["image_id", "labels", "split"]).to_pylist(),
    )  # fmt: skip
    saved = Checkpoint(models.checkpoint_path(name, repeat), digest, writes=world.rank == 0)
    epochs = trainer.fit(training, validation, checkpoint=saved)
    total = sum(phase.epochs for phase in trainer.phases)
    counted = 0

    def gained(row: Epoch) -> int:  # more than one in the first epoch after a checkpoint
        nonlocal counted
        before, counted = counted, row.epoch
        return counted - before

    for _ in progress(epochs, what=f"{name}, epoch", total=total, size=gained):
        pass
    scores, multilabel = trainer.scores(held_out), inputs.multilabel
    temperature = None
    if params.calibrate == "temperature":
        known = scores[split[split != "train"] == "validation"]
        temperature = fit_temperature(known, validation.targets, multilabel=multilabel)
        scores = at_temperature(scores, temperature, multilabel=multilabel)
    trained = TrainedNetwork(
        trainer.evaluated, params, trunk, training.shape, inputs.classes, multilabel, temperature
    )
    done = trainer.progress
    return Repeat(trained, done.history, done.seconds, scores, saved)

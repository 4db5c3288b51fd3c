"""The network of a run: an architecture or a pretrained trunk, standardisation before it."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import nn

from pipeline.cnns.architectures.airbench import PatchWhitening
from pipeline.cnns.architectures.registry import build_network
from pipeline.cnns.inputs import Pictures, as_input
from pipeline.cnns.params import CnnRun
from pipeline.cnns.standardization import StandardizePicture, StandardizeSet
from pipeline.cnns.transfer import Trunk, make_trunk, with_head
from pipeline.core.errors import UserError

PATCHES = 2**20  # that whitening is fitted to, at most


def make_network(
    run: CnnRun, training: Pictures, *, seed: int, pretrained_dir: Path
) -> tuple[nn.Sequential, Trunk | None]:
    """The network of a run at the start of its training: (N, C, H, W) in 0..1 -> logits.

    training: those whose statistics `standardize: set` takes. Errors: `UserError`.
    """
    height, _, channels = training.shape
    classes = training.targets.shape[1]
    if isinstance(run.architecture, str):
        network = build_network(
            run.architecture, classes=classes, channels=channels, size=height, seed=seed
        )
        standardize = (
            StandardizePicture() if run.standardize == "picture" else StandardizeSet.fit(training)
        )
        _whiten(network, standardize, training)
        return nn.Sequential(standardize, network), None
    if channels != 3:
        raise UserError(
            f"{run.architecture.backbone} sees RGB, pixels.colour is grey: set pixels.colour: rgb"
        )
    trunk, made = make_trunk(run.architecture, pretrained_dir, seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return with_head(made, trunk, classes, run.architecture.dropout), trunk


def _whiten(network: nn.Module, standardize: nn.Module, training: Pictures) -> None:
    """Fit the layers of `network` that whiten to PATCHES places of the training pictures."""
    height, width, _ = training.shape
    step = math.ceil(len(training) * height * width / PATCHES)
    for module in network.modules():
        if isinstance(module, PatchWhitening):
            pixels = torch.from_numpy(training[slice(None, None, step)])
            with torch.no_grad():
                module.fit(standardize(as_input(pixels)))

"""A name -> a network with its first weights."""

from __future__ import annotations

import difflib
from importlib import import_module

import torch
from torch import nn

from pipeline.cnns.architectures.architecture import Architecture
from pipeline.cnns.architectures.he import he_initialize
from pipeline.core.errors import UserError

FAMILIES = (
    "perceptrons",
    "small",
    "lenet",
    "airbench",
    "alexnet",
    "vgg",
    "resnets",
    "bottlenecks",
    "wide",
    "mobilenet",
    "torchvision",
)

# Name -> what the families' files say of it.
ARCHITECTURES: dict[str, Architecture] = {
    found.name: found
    for family in FAMILIES
    for found in vars(import_module(f"pipeline.cnns.architectures.{family}")).values()
    if isinstance(found, Architecture)
}


def build_network(name: str, *, classes: int, channels: int, size: int, seed: int) -> nn.Module:
    """The network `name`: (N, channels, size, size) float -> logits (N, classes).

    `seed` decides the weights; torch's global generators stay as they were.

    Errors: `UserError` for an unknown name and for a size below the least.
    """
    if name not in ARCHITECTURES:
        close = difflib.get_close_matches(name, ARCHITECTURES, n=3, cutoff=0.0)
        raise UserError(
            f"network {name!r} is unknown: the closest names are {', '.join(close)}; choose one of "
            f"{', '.join(ARCHITECTURES)}"
        )
    architecture = ARCHITECTURES[name]
    if size < architecture.least:
        smaller = [other for other, known in ARCHITECTURES.items() if known.least <= size]
        raise UserError(
            f"network {name!r} was given pictures of {size} x {size} pixels: it takes "
            f"{architecture.least} x {architecture.least} and more, made for "
            f"{architecture.made_for} x {architecture.made_for}; raise pixels.size, or choose one "
            f"that takes {size}: "
            f"{', '.join(smaller) or 'none does'}"
        )
    with torch.random.fork_rng(devices=[]):  # torch's layers draw weights as they are made
        network = architecture.build(classes=classes, channels=channels, size=size)
    he_initialize(network, generator=torch.Generator().manual_seed(seed))
    return network


def parameters(network: nn.Module) -> int:
    """How many numbers a training of all of it changes."""
    return sum(p.numel() for p in network.parameters())


def count_parameters(name: str, classes: int = 10) -> int:
    """Of the network `name` for the pictures it was made for; nothing is allocated."""
    architecture = ARCHITECTURES[name]
    with torch.device("meta"):
        return parameters(
            architecture.build(
                classes=classes, channels=architecture.channels, size=architecture.made_for
            )
        )

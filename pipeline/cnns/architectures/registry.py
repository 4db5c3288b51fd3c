"""A name -> a network with its first weights."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from pipeline.cnns.architectures import torchvision as ready
from pipeline.cnns.architectures.airbench import airbench
from pipeline.cnns.architectures.alexnet import alexnet_cifar
from pipeline.cnns.architectures.bottlenecks import resnet29, resnet50
from pipeline.cnns.architectures.initialization import he_initialize
from pipeline.cnns.architectures.lenet import lenet5
from pipeline.cnns.architectures.mobilenet import mobilenet_v2_38
from pipeline.cnns.architectures.perceptrons import mlp_cifar, mlp_mnist
from pipeline.cnns.architectures.resnets import cifar_resnet
from pipeline.cnns.architectures.small import cnn_cifar, cnn_mnist
from pipeline.cnns.architectures.vgg import vgg12
from pipeline.cnns.architectures.wide import wide_resnet
from pipeline.core.errors import UserError


@dataclass(frozen=True)
class Architecture:
    """What is known of a network before it is built.

    build: keywords classes, channels, size -> the network; size: the side of the square pictures
    it was designed for, pixels; least: the smallest side it can take, the one that leaves a pixel
    after all strides and poolings; source: where it is from, in words.
    """

    build: Callable[..., nn.Module]
    size: int
    least: int
    source: str


CIFAR_RESNET = "He et al., arXiv 1512.03385, section 4.2"

ARCHITECTURES: dict[str, Architecture] = {
    "mlp_mnist": Architecture(mlp_mnist, 28, 1, "LeCun et al. 1998, 300 hidden units, with ReLU"),
    "mlp_cifar": Architecture(mlp_cifar, 32, 1, "a perceptron of 256 and 32 hidden units"),
    "cnn_mnist": Architecture(cnn_mnist, 28, 4, "two convolutions and two dense layers"),
    "cnn_cifar": Architecture(cnn_cifar, 32, 8, "three convolutions and two dense layers"),
    "lenet5": Architecture(lenet5, 28, 12, "LeCun et al. 1998, figure 2, with ReLU"),
    "airbench": Architecture(airbench, 32, 9, "Jordan, arXiv 2404.00498"),
    "alexnet_cifar": Architecture(alexnet_cifar, 32, 8, "Krizhevsky et al. 2012, for 32 pixels"),
    "vgg12": Architecture(vgg12, 224, 16, "after VGG, arXiv 1409.1556, with BatchNorm and PReLU"),
    "vgg16": Architecture(ready.vgg16, 224, 32, "arXiv 1409.1556, table 1 D, from torchvision"),
    "resnet18": Architecture(ready.resnet18, 224, 32, "arXiv 1512.03385, table 1, of torchvision"),
    "resnet20": Architecture(partial(cifar_resnet, 20), 32, 4, CIFAR_RESNET),
    "resnet29": Architecture(resnet29, 224, 16, "after arXiv 1512.03385, bottlenecks 3-4-2"),
    "resnet32": Architecture(partial(cifar_resnet, 32), 32, 4, CIFAR_RESNET),
    "resnet44": Architecture(partial(cifar_resnet, 44), 32, 4, CIFAR_RESNET),
    "resnet50": Architecture(resnet50, 224, 32, "He et al., arXiv 1512.03385, table 1"),
    "resnet56": Architecture(partial(cifar_resnet, 56), 32, 4, CIFAR_RESNET),
    "resnet110": Architecture(partial(cifar_resnet, 110), 32, 4, CIFAR_RESNET),
    "wide_resnet": Architecture(wide_resnet, 32, 4, "WRN-16-8, arXiv 1605.07146"),
    "mobilenet_v2": Architecture(
        ready.mobilenet_v2, 224, 32, "arXiv 1801.04381, table 2, from torchvision"
    ),
    "mobilenet_v2_38": Architecture(
        mobilenet_v2_38, 224, 16, "after MobileNetV2, arXiv 1801.04381, twelve bottlenecks"
    ),
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
            f"{architecture.least} x {architecture.least} and more, made for {architecture.size} x "
            f"{architecture.size}; raise pixels.size, or choose one that takes {size}: "
            f"{', '.join(smaller) or 'none does'}"
        )
    with torch.random.fork_rng(devices=[]):  # torch's layers draw weights as they are made
        network = architecture.build(classes=classes, channels=channels, size=size)
    he_initialize(network, generator=torch.Generator().manual_seed(seed))
    return network


def parameters(network: nn.Module) -> int:
    """How many numbers a training of all of it changes."""
    return sum(p.numel() for p in network.parameters())

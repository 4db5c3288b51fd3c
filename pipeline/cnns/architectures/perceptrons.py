"""Multilayer perceptrons: dense layers with ReLU between them, on flattened pictures.

Rumelhart, Hinton & Williams (1986), Nature 323:533; ReLU in place of the sigmoid.
"""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from pipeline.cnns.architectures.architecture import architecture


def perceptron(*widths: int) -> nn.Sequential:
    """(N, …) with widths[0] values each -> (N, widths[-1])."""
    layers: list[nn.Module] = [nn.Flatten()]
    for n_in, n_out in pairwise(widths):
        layers += [nn.Linear(n_in, n_out), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


@architecture(made_for=28, channels=1, least=1)
def mlp_mnist(*, classes: int, channels: int, size: int) -> nn.Module:
    """Perceptron of 300 hidden units: LeCun et al. 1998, figure 9, with ReLU.

    784-300-10 for MNIST; LeCun, Bottou, Bengio & Haffner, Proceedings of the IEEE 86:2278.
    """
    return perceptron(channels * size * size, 300, classes)


@architecture(made_for=32, least=1)
def mlp_cifar(*, classes: int, channels: int, size: int) -> nn.Module:
    """Perceptron of 256 and 32 hidden units: 3072-256-32-10 for CIFAR-10."""
    return perceptron(channels * size * size, 256, 32, classes)

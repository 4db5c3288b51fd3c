"""LeNet-5: LeCun, Bottou, Bengio & Haffner (1998), Proceedings of the IEEE 86:2278, figure 2."""

from __future__ import annotations

from torch import nn

from pipeline.cnns.architectures.architecture import architecture


@architecture(made_for=28, channels=1, least=12)
def lenet5(*, classes: int, channels: int, size: int) -> nn.Module:
    """LeNet-5: LeCun et al. 1998, figure 2, with ReLU.

    The layers of figure 2 in their usual modern form. The first convolution pads by 2, so that 28 x
    28 pictures give the maps that the paper has from its 32 x 32. ReLU stands for the scaled tanh,
    max-pooling for averages with trained factors, a dense layer for the Gaussian outputs, and each
    map of the third layer sees all maps before it.
    """
    side = (size // 2 - 4) // 2
    return nn.Sequential(
        nn.Conv2d(channels, 6, 5, padding=2),  # C1
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),  # S2
        nn.Conv2d(6, 16, 5),  # C3
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),  # S4
        nn.Flatten(),
        nn.Linear(16 * side * side, 120),  # C5
        nn.ReLU(),
        nn.Linear(120, 84),  # F6
        nn.ReLU(),
        nn.Linear(84, classes),
    )

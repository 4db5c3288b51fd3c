"""AlexNet for small pictures.

Krizhevsky, Sutskever & Hinton (2012), NeurIPS 25, with the widths of the version in one column
(arXiv 1404.5997).
"""

from __future__ import annotations

from torch import nn

from pipeline.cnns.architectures.architecture import architecture


@architecture(made_for=32, least=8)
def alexnet_cifar(*, classes: int, channels: int, size: int) -> nn.Module:
    """AlexNet for 32 pixels: after Krizhevsky et al. 2012.

    Five convolutions and three dense layers. The first convolution is 5 x 5 with stride 1, not 11 x
    11 with stride 4; the three overlapping poolings pad by 1, so that the maps measure 32, 16, 8
    and 4; the two hidden dense layers have 1024 units, not 4096, for tens of classes, not a
    thousand. There is no response normalisation, and He initialisation stands for the paper's fixed
    deviation of 0.01.
    """
    side = -(-size // 8)  # each pooling halves and rounds up

    def pool() -> nn.Module:
        return nn.MaxPool2d(3, stride=2, padding=1)

    return nn.Sequential(
        nn.Conv2d(channels, 64, 5, padding=2),
        nn.ReLU(inplace=True),
        pool(),
        nn.Conv2d(64, 192, 5, padding=2),
        nn.ReLU(inplace=True),
        pool(),
        nn.Conv2d(192, 384, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(384, 256, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(256, 256, 3, padding=1),
        nn.ReLU(inplace=True),
        pool(),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(256 * side * side, 1024),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(1024, 1024),
        nn.ReLU(),
        nn.Linear(1024, classes),
    )

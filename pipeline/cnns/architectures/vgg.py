"""VGG-12: a VGG network (arXiv 1409.1556) with BatchNorm and a narrow head."""

from __future__ import annotations

from torch import nn

from pipeline.cnns.architectures.architecture import architecture

# (kernel, filters) of the convolutions before each pooling; those of 1 x 1 as in configuration C
# of arXiv 1409.1556, table 1.
STAGES = (
    ((3, 64), (3, 64)),
    ((3, 128), (3, 128)),
    ((3, 256), (3, 256), (1, 256)),
    ((3, 512), (3, 512), (1, 512)),
)


@architecture(made_for=224, least=16)
def vgg12(*, classes: int, channels: int, size: int) -> nn.Module:
    """VGG-12: after arXiv 1409.1556, with BatchNorm and PReLU.

    Ten convolutions and two dense layers of 16 and 8 units, then the outputs. BatchNorm (arXiv
    1502.03167) follows each of the twelve, before the activation; all have biases none the less.
    ReLU after convolutions, PReLU with a slope per unit (arXiv 1502.01852, eq. 1) after dense
    layers, average pooling. BatchNorm of the dense layers needs two pictures or more in a training
    batch.
    """
    layers: list[nn.Module] = []
    n_in = channels
    for stage in STAGES:
        for kernel, n_out in stage:
            layers += [
                nn.Conv2d(n_in, n_out, kernel, padding=kernel // 2),
                nn.BatchNorm2d(n_out),
                nn.ReLU(inplace=True),
            ]
            n_in = n_out
        layers.append(nn.AvgPool2d(2))
    layers.append(nn.Flatten())
    side = size // 2 ** len(STAGES)
    n_in *= side * side
    for units in (16, 8):
        layers += [nn.Linear(n_in, units), nn.BatchNorm1d(units), nn.PReLU(units)]
        n_in = units
    return nn.Sequential(*layers, nn.Linear(n_in, classes))

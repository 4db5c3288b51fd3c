"""Residual networks for CIFAR: He, Zhang, Ren & Sun, arXiv 1512.03385, section 4.2."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import pad, relu

from pipeline.cnns.architectures.architecture import architecture


class BasicBlock(nn.Module):
    """y = ReLU(f(x) + x), f two 3 x 3 convolutions: (N, n_in, h, w) -> (N, n_out, h/s, w/s).

    s is `stride`. The shortcut has no parameters (option A): it takes every s-th row and column,
    and zeros are its additional channels.
    """

    def __init__(self, n_in: int, n_out: int, *, stride: int) -> None:
        super().__init__()
        self.stride, self.added = stride, n_out - n_in
        self.conv1 = nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(n_out)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(n_out)

    def forward(self, x: Tensor) -> Tensor:
        y = relu(self.bn1(self.conv1(x)), inplace=True)
        y = self.bn2(self.conv2(y))
        if self.added or self.stride > 1:
            x = pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.added))
        return relu(y + x, inplace=True)


def cifar_resnet(depth: int, *, classes: int, channels: int) -> nn.Module:
    """`depth` = 6n + 2 layers: a convolution, n blocks each of 16, 32 and 64 filters, outputs.

    Takes pictures of any size: the last map is averaged.
    """
    layers: list[nn.Module] = [
        nn.Conv2d(channels, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(inplace=True),
    ]
    n_in = 16
    for n_out in (16, 32, 64):
        for _ in range((depth - 2) // 6):
            layers.append(BasicBlock(n_in, n_out, stride=1 if n_in == n_out else 2))
            n_in = n_out
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(n_in, classes))


@architecture(made_for=32, least=4)
def resnet20(*, classes: int, channels: int, size: int) -> nn.Module:
    """ResNet-20: He et al., arXiv 1512.03385, section 4.2."""
    return cifar_resnet(20, classes=classes, channels=channels)


@architecture(made_for=32, least=4)
def resnet32(*, classes: int, channels: int, size: int) -> nn.Module:
    """ResNet-32: He et al., arXiv 1512.03385, section 4.2."""
    return cifar_resnet(32, classes=classes, channels=channels)


@architecture(made_for=32, least=4)
def resnet44(*, classes: int, channels: int, size: int) -> nn.Module:
    """ResNet-44: He et al., arXiv 1512.03385, section 4.2."""
    return cifar_resnet(44, classes=classes, channels=channels)


@architecture(made_for=32, least=4)
def resnet56(*, classes: int, channels: int, size: int) -> nn.Module:
    """ResNet-56: He et al., arXiv 1512.03385, section 4.2."""
    return cifar_resnet(56, classes=classes, channels=channels)


@architecture(made_for=32, least=4)
def resnet110(*, classes: int, channels: int, size: int) -> nn.Module:
    """ResNet-110: He et al., arXiv 1512.03385, section 4.2.

    The paper begins its training with a learning rate of 0.01, not 0.1.
    """
    return cifar_resnet(110, classes=classes, channels=channels)

"""Residual networks of bottleneck blocks: He, Zhang, Ren & Sun, arXiv 1512.03385, table 1."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.functional import relu

from pipeline.cnns.architectures.architecture import architecture


class Bottleneck(nn.Module):
    """y = ReLU(f(x) + x), f convolutions of 1 x 1, 3 x 3 and 1 x 1 (arXiv 1512.03385, figure 5).

    (N, n_in, h, w) -> (N, 4 width, h/s, w/s), s being `stride`, which is the 3 x 3 convolution's.
    A first block of its stage has a projection for a shortcut: a 1 x 1 convolution, `downsample`.
    """

    def __init__(self, n_in: int, width: int, *, stride: int, first: bool, bias: bool) -> None:
        super().__init__()
        n_out = 4 * width
        self.conv1 = nn.Conv2d(n_in, width, 1, bias=bias)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=bias)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, n_out, 1, bias=bias)
        self.bn3 = nn.BatchNorm2d(n_out)
        self.downsample = None
        if first:
            self.downsample = nn.Sequential(
                nn.Conv2d(n_in, n_out, 1, stride=stride, bias=bias), nn.BatchNorm2d(n_out)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = relu(self.bn1(self.conv1(x)), inplace=True)
        y = relu(self.bn2(self.conv2(y)), inplace=True)
        y = self.bn3(self.conv3(y))
        shortcut = x if self.downsample is None else self.downsample(x)
        return relu(y + shortcut, inplace=True)


def bottleneck_resnet(
    blocks: Sequence[int], *, classes: int, channels: int, bias: bool
) -> nn.Module:
    """A 7 x 7 convolution, `blocks` bottlenecks of width 64, 128, … per stage, outputs.

    `bias`: whether convolutions have one. Takes pictures of any size: the last map is averaged.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=nn.Conv2d(channels, 64, 7, stride=2, padding=3, bias=bias),
        bn1=nn.BatchNorm2d(64),
        relu=nn.ReLU(inplace=True),
        maxpool=nn.MaxPool2d(3, stride=2, padding=1),
    )
    n_in, width = 64, 64
    for stage, n in enumerate(blocks, 1):
        members = []
        for index in range(n):
            first = index == 0
            stride = 2 if first and stage > 1 else 1
            members.append(Bottleneck(n_in, width, stride=stride, first=first, bias=bias))
            n_in = 4 * width
        layers[f"layer{stage}"] = nn.Sequential(*members)
        width *= 2
    layers["avgpool"] = nn.AdaptiveAvgPool2d(1)
    layers["flatten"] = nn.Flatten()
    layers["fc"] = nn.Linear(n_in, classes)
    return nn.Sequential(layers)


@architecture(made_for=224, least=16)
def resnet29(*, classes: int, channels: int, size: int) -> nn.Module:
    """ResNet-29: after He et al., arXiv 1512.03385, bottlenecks 3-4-2, convolutions with biases."""
    return bottleneck_resnet((3, 4, 2), classes=classes, channels=channels, bias=True)


@architecture(made_for=224, least=32)
def resnet50(*, classes: int, channels: int, size: int) -> nn.Module:
    """ResNet-50: He et al., arXiv 1512.03385, table 1, bottlenecks 3-4-6-3.

    Convolutions have no biases; names and results are those of torchvision's resnet50, so that its
    weights can be loaded.
    """
    return bottleneck_resnet((3, 4, 6, 3), classes=classes, channels=channels, bias=False)

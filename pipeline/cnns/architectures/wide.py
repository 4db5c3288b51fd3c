"""A wide residual network: Zagoruyko & Komodakis, arXiv 1605.07146."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import relu

from pipeline.cnns.architectures.architecture import architecture


class WideBlock(nn.Module):
    """y = f(x) + x, f twice BatchNorm, ReLU and a 3 x 3 convolution (figure 1c).

    (N, n_in, h, w) -> (N, n_out, h/s, w/s), s being `stride`. Where the number of channels changes
    the shortcut is a 1 x 1 convolution of the first ReLU's result.
    """

    def __init__(self, n_in: int, n_out: int, *, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(n_in)
        self.conv1 = nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(n_out)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, padding=1, bias=False)
        self.shortcut = None
        if n_in != n_out:
            self.shortcut = nn.Conv2d(n_in, n_out, 1, stride=stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = relu(self.bn1(x), inplace=True)
        shortcut: Tensor = x if self.shortcut is None else self.shortcut(y)
        y = relu(self.bn2(self.conv1(y)), inplace=True)
        y = self.conv2(y)
        return shortcut + y


@architecture(made_for=32, least=4)
def wide_resnet(*, classes: int, channels: int, size: int) -> nn.Module:
    """WRN-16-8: Zagoruyko & Komodakis, arXiv 1605.07146, table 1 with N = 2 and k = 8.

    Six blocks of 128, 256 and 512 filters. Takes pictures of any size: the last map is averaged.
    """
    layers: list[nn.Module] = [nn.Conv2d(channels, 16, 3, padding=1, bias=False)]
    n_in = 16
    for n_out, stride in ((128, 1), (256, 2), (512, 2)):
        layers += [WideBlock(n_in, n_out, stride=stride), WideBlock(n_out, n_out, stride=1)]
        n_in = n_out
    return nn.Sequential(
        *layers,
        nn.BatchNorm2d(n_in),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(n_in, classes),
    )

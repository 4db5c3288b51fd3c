"""A small MobileNetV2: Sandler, Howard, Zhu, Zhmoginov & Chen, arXiv 1801.04381."""

from __future__ import annotations

from torch import Tensor, nn

from pipeline.cnns.architectures.architecture import architecture

# As table 2 of arXiv 1801.04381, with fewer blocks: channels c, blocks n, stride s of the first.
BOTTLENECKS = ((16, 1, 1), (24, 2, 2), (32, 2, 2), (64, 4, 2), (96, 3, 1))
EXPANSION = 6  # t, in all of them


class InvertedResidual(nn.Module):
    """1 x 1 to 6 n_in channels, 3 x 3 depthwise, 1 x 1 to n_out without activation (table 1).

    (N, n_in, h, w) -> (N, n_out, h/s, w/s), s being `stride`, which is the depthwise convolution's.
    The input is added where it has the shape of the output.
    """

    def __init__(self, n_in: int, n_out: int, *, stride: int) -> None:
        super().__init__()
        width = EXPANSION * n_in
        self.added = stride == 1 and n_in == n_out
        self.layers = nn.Sequential(
            nn.Conv2d(n_in, width, 1),
            nn.BatchNorm2d(width),
            nn.ReLU6(inplace=True),
            nn.Conv2d(width, width, 3, stride=stride, padding=1, groups=width),
            nn.BatchNorm2d(width),
            nn.ReLU6(inplace=True),
            nn.Conv2d(width, n_out, 1),
            nn.BatchNorm2d(n_out),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return x + y if self.added else y


@architecture(made_for=224, least=16)
def mobilenet_v2_38(*, classes: int, channels: int, size: int) -> nn.Module:
    """A small MobileNetV2: after Sandler et al., arXiv 1801.04381, with twelve bottlenecks.

    38 convolutions: 3 x 3 with stride 2, twelve inverted residuals, 1 x 1 to 160 channels. All
    convolutions have biases; BatchNorm follows each but the last. Takes pictures of any size: the
    last map is averaged. For the same table and 5 classes 642,709 parameters have been reported,
    79,856 more than these: what they are is not known.
    """
    layers: list[nn.Module] = [
        nn.Conv2d(channels, 32, 3, stride=2, padding=1),
        nn.BatchNorm2d(32),
        nn.ReLU6(inplace=True),
    ]
    n_in = 32
    for n_out, blocks, stride in BOTTLENECKS:
        for index in range(blocks):
            layers.append(InvertedResidual(n_in, n_out, stride=1 if index else stride))
            n_in = n_out
    return nn.Sequential(
        *layers,
        nn.Conv2d(n_in, 160, 1),
        nn.ReLU6(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(160, classes),
    )

"""A network that learns CIFAR-10 in few epochs: Jordan, arXiv 2404.00498.

Of the paper: the layers, the whitening, the biases that learn faster and the factor of the logits.
Its other means are parameters of a run, or left out: the partly identical first kernels, the
look-ahead and the alternating flips.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from pipeline.cnns.architectures.architecture import architecture

WIDTHS = (64, 256, 256)
BIAS_SCALE = 8.0  # a step of b is 8 times as long, and moves b by 8 times as much: 64 in all
LOGIT_SCALE = 1 / 9


class PatchWhitening(nn.Module):
    """A fixed 2 x 2 convolution whose outputs are uncorrelated and of variance 1, each of them
    twice with either sign, and a bias that is trained.

    (N, C, h, w) -> (N, 8 C, h - 1, w - 1). Until `fit` the outputs are the patch's own values.
    """

    weight: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        n = 4 * channels
        self.register_buffer(
            "weight", torch.cat([torch.eye(n), -torch.eye(n)]).view(2 * n, -1, 2, 2)
        )
        self.bias = nn.Parameter(torch.zeros(2 * n))

    def fit(self, x: Tensor) -> None:
        """To the 2 x 2 patches of x (N, C, h, w): kernels are the eigenvectors of their covariance
        over the root of the eigenvalue, to which 0.0005 is added."""
        patches = F.unfold(x, 2).transpose(1, 2).flatten(0, 1).double()
        values, vectors = torch.linalg.eigh(torch.cov(patches.T))
        kernels = (vectors / (values.clamp(min=0) + 5e-4).sqrt()).T.reshape(-1, x.shape[1], 2, 2)
        self.weight.copy_(torch.cat([kernels, -kernels]))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, self.bias)


class FastBias(nn.Module):
    """x (N, C, h, w) + 8 b: b learns as a bias does at 64 times the learning rate of the rest."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        shifted: Tensor = x + BIAS_SCALE * self.bias[:, None, None]
        return shifted


class Scale(nn.Module):
    """x times a constant."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor


def _block(n_in: int, n_out: int) -> nn.Sequential:
    """Convolution, pooling, convolution; after each BatchNorm, a bias and GELU."""

    def normalized() -> list[nn.Module]:
        norm = nn.BatchNorm2d(n_out, affine=False, momentum=0.4)
        return [norm, FastBias(n_out), nn.GELU()]

    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 3, padding=1, bias=False),
        nn.MaxPool2d(2),
        *normalized(),
        nn.Conv2d(n_out, n_out, 3, padding=1, bias=False),
        *normalized(),
    )


@architecture(made_for=32, least=9)
def airbench(*, classes: int, channels: int, size: int) -> nn.Module:
    """Airbench: Jordan, arXiv 2404.00498.

    Whitening, three blocks of 64, 256 and 256 filters, the greatest value of each map, a dense
    layer without bias.
    """
    widths = (8 * channels, *WIDTHS)
    return nn.Sequential(
        PatchWhitening(channels),
        nn.GELU(),
        *(_block(n_in, n_out) for n_in, n_out in zip(widths, WIDTHS, strict=False)),
        nn.AdaptiveMaxPool2d(1),
        nn.Flatten(),
        nn.Linear(WIDTHS[-1], classes, bias=False),
        Scale(LOGIT_SCALE),
    )

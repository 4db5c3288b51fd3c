"""He initialisation: He, Zhang, Ren & Sun, arXiv 1502.01852."""

from __future__ import annotations

import math

import torch
from torch import nn


def he_initialize(network: nn.Module, *, generator: torch.Generator) -> None:
    """Draw the weights from N(0, 2/n) in place; biases become 0, BatchNorm the identity.

    n of a dense layer is the number of its inputs (eq. 10), so that signals keep their variance on
    the way forward; of a convolution the number of outputs that an input reaches (eq. 14), so that
    gradients keep theirs on the way back, as in the authors' residual networks. Slopes of PReLU
    stay at 0.25, where the paper starts them.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            places = math.prod(module.kernel_size)
            _draw(module, module.out_channels // module.groups * places, generator)
        elif isinstance(module, nn.Linear):
            _draw(module, module.in_features, generator)
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) and module.affine:
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)


def _draw(layer: nn.Conv2d | nn.Linear, n: int, generator: torch.Generator) -> None:
    nn.init.normal_(layer.weight, std=math.sqrt(2 / n), generator=generator)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)

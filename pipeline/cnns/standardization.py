"""What stands before a network: channels or pictures brought to mean 0 and deviation 1."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.cnns.inputs import Pictures


class StandardizeSet(nn.Module):
    """x (N, C, H, W) -> (x - mean) / deviation of each channel, (C,)."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, mean: Sequence[float], deviation: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean)[:, None, None])
        self.register_buffer("deviation", torch.tensor(deviation)[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.deviation

    @classmethod
    def fit(cls, pictures: Pictures) -> Self:
        """To these pictures; a constant channel is only shifted."""
        channels = pictures.shape[2]
        sums, squares = np.zeros((2, channels))
        for picture in pictures:
            values = picture.reshape(-1, channels) / 255
            sums += values.mean(0)
            squares += (values**2).mean(0)
        mean = sums / len(pictures)
        variance = squares / len(pictures) - mean**2
        deviation = np.where(variance > 1e-8, np.sqrt(np.maximum(variance, 1e-8)), 1)
        return cls(mean.tolist(), deviation.tolist())


class StandardizePicture(nn.Module):
    """x (N, C, H, W) -> (x - μ) / max(σ, 1 / √n) of each picture, over all its n values."""

    def forward(self, x: Tensor) -> Tensor:
        values = x.flatten(1)
        mean = values.mean(1)[:, None, None, None]
        deviation = values.std(1, correction=0).clamp(min=1 / math.sqrt(values.shape[1]))
        return (x - mean) / deviation[:, None, None, None]

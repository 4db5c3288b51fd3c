"""Convolutional networks, and the random changes to their pictures in training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.random import Generator
from numpy.typing import DTypeLike

from pipeline.nn.convolution import Conv2d, Pictures
from pipeline.nn.layers import Array, Flatten, Layer, ReLU, offspring
from pipeline.nn.network import Network, dense_layers
from pipeline.nn.normalization import BatchNorm
from pipeline.nn.pooling import AvgPool, MaxPool

POOLS: dict[str, type[MaxPool] | type[AvgPool]] = {"max": MaxPool, "average": AvgPool}


def convnet(
    shape: tuple[int, int, int],
    filters: Sequence[int],
    hidden: Sequence[int],
    n_out: int,
    *,
    rng: Generator,
    init: str = "he",
    batch_norm: bool = False,
    dropout: float = 0.0,
    pooling: str = "max",
    flip: bool = False,
    shift: int = 0,
    dtype: DTypeLike = np.float32,
) -> Network:
    """3 x 3 convolutions with padding 1 on pictures of `shape` (H, W, C), then `dense_layers`.

    `filters` are the channels after each convolution; each is followed by batch normalisation,
    which makes its bias superfluous, where asked for, and by ReLU. A pooling of 2 x 2 follows every
    second convolution and the last; of two convolutions both. An axis that has become 1 stays so.
    """
    layers: list[Layer] = [Pictures(shape)]
    if shift:
        layers.append(RandomShift(shift, rng=rng))
    if flip:
        layers.append(RandomFlip(rng=rng))
    height, width, channels = shape
    for index, n in enumerate(filters, 1):
        layers.append(Conv2d(channels, n, rng=rng, init=init, bias=not batch_norm, dtype=dtype))
        if batch_norm:
            layers.append(BatchNorm(n, dtype=dtype))
        if len(filters) <= 2 or index % 2 == 0 or index == len(filters):
            pools: list[Layer] = []
            if width > 1:
                pools.append(POOLS[pooling](axis=2))
                width //= 2
            if height > 1:
                pools.append(POOLS[pooling](axis=1))
                height //= 2
            # ReLU and a maximum may change places: then ReLU has fewer values to go through.
            layers += [*pools, ReLU()] if pooling == "max" else [ReLU(), *pools]
        else:
            layers.append(ReLU())
        channels = n
    sizes = (height * width * channels, *hidden, n_out)
    head = dense_layers(
        sizes, rng=rng, init=init, batch_norm=batch_norm, dropout=dropout, dtype=dtype
    )
    return Network([*layers, Flatten(), *head])


class Augmentation(Layer):
    """A random change of each picture (N, H, W, C) in training, the identity in evaluation."""

    def __init__(self, *, rng: Generator) -> None:
        super().__init__()
        self._rng = rng

    def backward(self, grad: Array) -> Array:
        raise NotImplementedError("pictures are changed before the first parameters")

    def replica(self) -> Self:
        twin = super().replica()
        twin._rng = offspring(self._rng)
        return twin


class RandomFlip(Augmentation):
    """Left and right change places with probability 1/2."""

    def forward(self, x: Array, *, training: bool) -> Array:
        if not training:
            return x
        flipped = self._rng.random(len(x)) < 0.5
        return np.where(flipped[:, np.newaxis, np.newaxis, np.newaxis], x[:, :, ::-1], x)


class RandomShift(Augmentation):
    """A shift by up to `pixels` each way, uniform; what comes in from outside is 0."""

    def __init__(self, pixels: int, *, rng: Generator) -> None:
        super().__init__(rng=rng)
        self.pixels = pixels

    def forward(self, x: Array, *, training: bool) -> Array:
        if not training:
            return x
        n, height, width, _ = x.shape
        border = self.pixels
        padded = np.pad(x, ((0, 0), (border, border), (border, border), (0, 0)))
        shifted = np.empty_like(x)
        for out, picture, (i, j) in zip(
            shifted, padded, self._rng.integers(2 * border + 1, size=(n, 2)), strict=True
        ):
            out[...] = picture[i : i + height, j : j + width]
        return shifted

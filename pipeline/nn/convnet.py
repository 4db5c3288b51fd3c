"""Convolutional networks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import DTypeLike

from pipeline.nn.convolution import AsPictures, Conv2d
from pipeline.nn.layers import Flatten, Layer, ReLU
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
    dtype: DTypeLike = np.float32,
) -> Network:
    """3 x 3 convolutions with padding 1 on pictures of `shape` (H, W, C), then `dense_layers`.

    `filters` are the channels after each convolution; each is followed by batch normalisation,
    which makes its bias superfluous, where asked for, and by ReLU. A pooling of 2 x 2 follows every
    second convolution and the last; of two convolutions both. An axis that has become 1 stays so.
    """
    layers: list[Layer] = [AsPictures(shape)]
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

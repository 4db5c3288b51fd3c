"""A convolutional network as a scikit-learn estimator."""

from __future__ import annotations

import math

import numpy as np
from numpy.random import Generator
from pydantic import PositiveInt

from pipeline.classifiers.bounds import (
    Factor,
    Filters,
    ImageShape,
    Init,
    OptimizerName,
    Pooling,
    ScheduleName,
    Sizes,
)
from pipeline.classifiers.perceptrons import PerceptronClassifier
from pipeline.classifiers.similarity import square_picture
from pipeline.core.schema import NotNegative, PositiveFloat, Share
from pipeline.nn.convnet import convnet
from pipeline.nn.layers import Array
from pipeline.nn.network import Network


class ConvNetClassifier(PerceptronClassifier):
    """Convolutional network, its layers as in `convnet`; X holds pictures as rows (N, H * W * C).

    `dropout` concerns the hidden dense layers. The other parameters and attributes are those of
    `PerceptronClassifier`.

    Parameters
    ----------
    filters : channels after each 3 x 3 convolution.
    hidden : units of the dense layers between the last pooling and the output.
    image_shape : (H, W, C) of the pictures; None: the square, grey or RGB, that so many features
        make, otherwise one row (1, n_features, 1).
    pooling : "max" or "average".

    Attributes
    ----------
    image_shape_ : (H, W, C).
    """

    def __init__(
        self,
        filters: Filters = (32, 32, 64, 64),
        *,
        hidden: Sizes = (128,),
        image_shape: ImageShape | None = None,
        pooling: Pooling = "max",
        batch_norm: bool = False,
        dropout: Share = 0.0,
        init: Init = "he",
        optimizer: OptimizerName = "sgd",
        learning_rate: PositiveFloat = 0.01,
        momentum: Share = 0.0,
        weight_decay: NotNegative = 0.0,
        schedule: ScheduleName = "constant",
        decay: Factor = 0.1,
        decay_epochs: PositiveInt = 10,
        batch_size: PositiveInt = 32,
        epochs: PositiveInt = 30,
        clip: PositiveFloat | None = None,
        patience: PositiveInt | None = None,
        random_state: int | Generator | None = None,
    ) -> None:
        super().__init__(
            hidden,
            batch_norm=batch_norm,
            dropout=dropout,
            init=init,
            optimizer=optimizer,
            learning_rate=learning_rate,
            momentum=momentum,
            weight_decay=weight_decay,
            schedule=schedule,
            decay=decay,
            decay_epochs=decay_epochs,
            batch_size=batch_size,
            epochs=epochs,
            clip=clip,
            patience=patience,
            random_state=random_state,
        )
        self.filters = filters
        self.image_shape = image_shape
        self.pooling = pooling

    def state_dict(self) -> dict[str, Array]:
        """As of `PerceptronClassifier`, and `image_shape` (3,)."""
        shape = np.array(self.image_shape_, self._dtype)
        return {**super().state_dict(), "image_shape": shape}

    def _network(self, rng: Generator) -> Network:
        n = self.n_features_in_
        self.image_shape_ = self.image_shape or square_picture(n) or (1, n, 1)
        if math.prod(self.image_shape_) != n:
            raise ValueError(
                f"image_shape must have H * W * C = {n}, the number of features, "
                f"got {self.image_shape!r}"
            )
        return convnet(
            self.image_shape_,
            self.filters,
            self.hidden,
            len(self.classes_),
            rng=rng,
            init=self.init,
            batch_norm=self.batch_norm,
            dropout=self.dropout,
            pooling=self.pooling,
            dtype=self._dtype,
        )

    def _take_n_features(self, state: dict[str, Array]) -> int:
        if "image_shape" not in state:
            raise ValueError(f"image_shape is missing in the state: {sorted(state)}")
        return int(math.prod(state.pop("image_shape")))

    def _products(self, network: Network) -> int:
        height, width, _ = self.image_shape_
        kernels = sum(p.size for layer in network.layers for p in layer.params if p.ndim == 4)
        return self.batch_size * height * width * kernels

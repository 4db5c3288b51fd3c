"""Encoded pictures -> feature vectors: decode, resize, normalise, forward."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from pipeline.backbones import Backbone
from pipeline.errors import UserError
from pipeline.images import decode_rgb
from pipeline.parallel import ordered_map

FLOAT16_MAX = float(np.finfo(np.float16).max)


class Extractor:
    """Feature vectors of encoded pictures from one layer of a backbone.

    layer: "spatial" (last map, flattened) or "pooled". device: "auto", "cpu", "cuda", "cuda:N".
    Errors: `UserError` for a CUDA device that is not there.
    """

    def __init__(
        self,
        backbone: Backbone,
        *,
        layer: Literal["spatial", "pooled"],
        device: str,
        batch_size: int,
    ) -> None:
        self.recipe = backbone.recipe
        self.device = choose_device(device)
        self.batch_size = batch_size
        backbone.trunk.to(self.device)
        self._forward = backbone.spatial if layer == "spatial" else backbone.pooled
        scale = 255.0  # mean and std are of values in 0..1, pixels are in 0..255
        self._mean = scale * torch.tensor(self.recipe.mean, device=self.device).view(1, 3, 1, 1)
        self._std = scale * torch.tensor(self.recipe.std, device=self.device).view(1, 3, 1, 1)

    @cached_property
    def dimension(self) -> int:
        """Features per picture, D."""
        side = self.recipe.input_size
        with torch.inference_mode():
            return self._forward(torch.zeros(1, 3, side, side, device=self.device)).shape[1]

    def vectors(self, pictures: Iterable[bytes]) -> Iterator[NDArray[np.float16]]:
        """(D,) float16 for each picture, in order.

        Errors: `pipeline.images.PictureError` for a picture that cannot be decoded.
        """
        batch: list[NDArray[np.uint8]] = []
        for array in ordered_map(self.prepare, pictures, ahead=2 * self.batch_size):
            batch.append(array)
            if len(batch) == self.batch_size:
                yield from self.forward(np.stack(batch))
                batch = []
        if batch:
            yield from self.forward(np.stack(batch))

    def prepare(self, data: bytes) -> NDArray[np.uint8]:
        """An encoded picture -> (S, S, 3) RGB at the input size. Errors: `PictureError`."""
        side = (self.recipe.input_size, self.recipe.input_size)
        filter_ = Image.Resampling[self.recipe.interpolation.upper()]
        return np.asarray(decode_rgb(data).resize(side, filter_))

    @torch.inference_mode()
    def forward(self, batch: NDArray[np.uint8]) -> NDArray[np.float16]:
        """(N, S, S, 3) -> (N, D). Errors: `UserError` for features that are not finite."""
        pixels: Tensor = torch.from_numpy(batch).to(self.device)
        images = (pixels.permute(0, 3, 1, 2).float() - self._mean) / self._std
        features = self._forward(images).float()
        if not features.isfinite().all():
            raise UserError(
                f"the backbone {self.recipe.name} gave features that are not finite numbers: "
                f"check features.weights ({self.recipe.weights})"
            )
        return features.clamp(-FLOAT16_MAX, FLOAT16_MAX).half().cpu().numpy()


def choose_device(name: str) -> torch.device:
    """The torch device of `features.device`."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UserError(
            f"features.device is {name}, but {torch.cuda.device_count()} CUDA devices are here: "
            "use auto or cpu"
        )
    return device

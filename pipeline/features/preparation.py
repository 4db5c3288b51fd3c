"""Encoded pictures -> what a backbone sees: decoded, resized, cut."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from pipeline.backbones.recipe import Recipe
from pipeline.compute.pictures import decode_rgb, is_plain_jpeg
from pipeline.features.params import Resize


@dataclass(frozen=True)
class Preparation:
    """How a picture comes to the recipe's input size S.

    resize: "squash" (the whole picture to S x S) or "crop" (its middle, as the weights' own
    evaluation does). scaled: JPEGs of more than twice the size that is needed are decoded at 1/2,
    1/4 or 1/8 of theirs.
    """

    recipe: Recipe
    resize: Resize
    scaled: bool

    def array(self, data: bytes) -> NDArray[np.uint8]:
        """One picture, by Pillow: (S, S, 3) RGB. Errors: `PictureError`."""
        needed = max(self._resized(1, 1))
        image = decode_rgb(data, at_least=2 * needed if self.scaled else None)
        width, height = self._resized(*image.size)
        image = image.resize((width, height), Image.Resampling[self.recipe.interpolation.upper()])
        return np.array(image.crop(self._middle(width, height)))

    def batch_on(self, device: torch.device, pictures: Sequence[bytes]) -> Tensor:
        """(N, S, S, 3) uint8 on `device`: JPEGs are decoded and resized there, all else by Pillow.

        A JPEG that the device's decoder refuses goes to Pillow too. Errors: `PictureError`.
        """
        side = self.recipe.input_size
        pixels = torch.empty(len(pictures), side, side, 3, dtype=torch.uint8, device=device)
        plain = [i for i, data in enumerate(pictures) if is_plain_jpeg(data)]
        decoded = dict(zip(plain, _decode([pictures[i] for i in plain], device), strict=True))
        for i, data in enumerate(pictures):
            image = decoded.get(i)
            if image is None:
                pixels[i] = torch.tensor(self.array(data), device=device)
            else:
                pixels[i] = self._cut(image)
        return pixels

    def _cut(self, image: Tensor) -> Tensor:
        """(3, H, W) uint8 -> (S, S, 3) uint8, on its device."""
        width, height = self._resized(image.shape[2], image.shape[1])
        resized = nn.functional.interpolate(
            image[None].float(), (height, width), mode=self.recipe.interpolation, antialias=True
        )[0].permute(1, 2, 0)
        left, top, right, bottom = self._middle(width, height)
        return resized[top:bottom, left:right].round().clamp(0, 255).to(torch.uint8)

    def _resized(self, width: int, height: int) -> tuple[int, int]:
        """The size before the cut, at least S x S."""
        side = self.recipe.input_size
        if self.resize == "squash":
            return side, side
        shorter = int(side / self.recipe.crop_pct)
        if width < height:
            return shorter, int(shorter * height / width)
        return int(shorter * width / height), shorter

    def _middle(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of the S x S in the middle."""
        side = self.recipe.input_size
        left, top = round((width - side) / 2), round((height - side) / 2)
        return left, top, left + side, top + side


def _decode(jpegs: Sequence[bytes], device: torch.device) -> list[Tensor | None]:
    """Each (3, H, W) uint8 on `device`, or None where its decoder refuses."""
    from torchvision.io import ImageReadMode, decode_jpeg  # takes a second

    encoded = [torch.frombuffer(bytearray(data), dtype=torch.uint8) for data in jpegs]
    if not encoded:
        return []
    with warnings.catch_warnings(action="ignore"):  # it announces its successor
        try:
            return list(decode_jpeg(encoded, ImageReadMode.RGB, device=device))
        except torch.OutOfMemoryError:
            raise
        except RuntimeError:  # of one, it does not say which
            if len(encoded) == 1:
                return [None]
    return [_decode([data], device)[0] for data in jpegs]

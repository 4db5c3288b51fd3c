"""A frozen trunk with its preprocessing and weights, one object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from pipeline.backbones.recipe import Recipe
from pipeline.core.digests import digest
from pipeline.core.errors import UserError
from pipeline.core.tensors import loading_model, save_model


class Backbone:
    """A trunk in evaluation mode and the recipe that prepares pictures for it."""

    def __init__(self, trunk: nn.Module, recipe: Recipe) -> None:
        self.trunk = trunk.eval().requires_grad_(False)
        self.recipe = recipe

    def at(self, size: int | Literal["none"]) -> Backbone:
        """For pictures of another side, in pixels; a transformer's positions are resampled.

        Errors: `UserError` where the network cannot take them.
        """
        if size == "none" or size == self.recipe.input_size:
            return self
        try:
            if hasattr(self.trunk, "set_input_size"):
                self.trunk.set_input_size(size)  # type: ignore[operator]
            with torch.inference_mode():
                self.trunk.forward_features(torch.zeros(1, 3, size, size))  # type: ignore[operator]
        except (AssertionError, RuntimeError) as error:
            raise UserError(
                f"features.size is {size}: {self.recipe.name} cannot take it "
                f"({str(error).splitlines()[0]}); none is its own, {self.recipe.input_size}"
            ) from None
        return Backbone(self.trunk, self.recipe.at(size))

    def pooled(self, images: Tensor) -> Tensor:
        """What the trunk's own head would see: (N, 3, S, S) -> (N, D)."""
        maps = self.trunk.forward_features(images)  # type: ignore[operator]
        return self.trunk.forward_head(maps, pre_logits=True)  # type: ignore[operator,no-any-return]

    def save(self, path: Path) -> None:
        """Write the tensors to `path` (safetensors) and the recipe beside it (.json)."""
        tensors = self.trunk.state_dict()
        arrays = {name: tensor.cpu().contiguous().numpy() for name, tensor in tensors.items()}
        save_model(path, arrays, **asdict(self.recipe))

    @classmethod
    def load(cls, path: Path) -> Backbone:
        """Read what `save` wrote. Errors: `UserError` when a file is missing or damaged."""
        import timm  # its models take two seconds beside torch

        with loading_model(path) as (tensors, stored):
            recipe = Recipe.of(stored)
            trunk = timm.create_model(recipe.name, pretrained=False, num_classes=0)
            trunk.load_state_dict({k: torch.from_numpy(v) for k, v in tensors.items()})
            return cls(trunk, recipe)


def tensors_digest(state: Mapping[str, Tensor]) -> str:
    """SHA-256 of names and tensors, 16 hex digits."""
    parts = []
    for key, tensor in sorted(state.items()):
        parts.append(f"{key} {tensor.dtype} {tuple(tensor.shape)}".encode())
        values = tensor.detach().cpu().contiguous().flatten().view(torch.uint8)
        parts.append(values.numpy().tobytes())
    return digest(*parts)

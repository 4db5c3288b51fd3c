"""A frozen trunk with its preprocessing and weights, one object."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import timm
import torch
from torch import Tensor, nn

from pipeline.core.errors import UserError
from pipeline.core.tensors import loading_model, save_model


@dataclass(frozen=True)
class Recipe:
    """What is known of a backbone beside its tensors.

    input_size: side of the square input, pixels; crop_pct: its share of the shorter side when the
    weights' own evaluation cut it from the middle; mean, std: of RGB in 0..1; trained_on: in words;
    weights: as in `features.weights`; digest: SHA-256 of names and tensors, 16 hex digits.
    """

    name: str
    weights: str
    trained_on: str
    input_size: int
    crop_pct: float
    interpolation: str  # bilinear | bicubic
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    digest: str


class Backbone:
    """A trunk in evaluation mode and the recipe that prepares pictures for it."""

    def __init__(self, trunk: nn.Module, recipe: Recipe) -> None:
        self.trunk = trunk.eval().requires_grad_(False)
        self.recipe = recipe

    def spatial(self, images: Tensor) -> Tensor:
        """The last map, flattened: (N, 3, S, S) -> (N, D); of a transformer, its patch tokens."""
        maps = self.trunk.forward_features(images)  # type: ignore[operator]
        if not isinstance(maps, Tensor) or maps.ndim not in (3, 4):
            raise UserError(
                f"{self.recipe.name} has no single last map: set features.layer: pooled"
            )
        if maps.ndim == 3:  # (N, tokens, channels): class and register tokens are no places
            maps = maps[:, getattr(self.trunk, "num_prefix_tokens", 0) :]
        return maps.flatten(1)

    def pooled(self, images: Tensor) -> Tensor:
        """What the trunk's own head would see: (N, 3, S, S) -> (N, D)."""
        maps = self.trunk.forward_features(images)  # type: ignore[operator]
        return self.trunk.forward_head(maps, pre_logits=True)  # type: ignore[operator,no-any-return]

    def save(self, path: Path) -> None:
        """Write the tensors to `path` (safetensors) and the recipe beside it (.json)."""
        tensors = _contiguous(self.trunk.state_dict())
        save_model(path, {k: v.numpy() for k, v in tensors.items()}, **asdict(self.recipe))

    @classmethod
    def load(cls, path: Path) -> Backbone:
        """Read what `save` wrote. Errors: `UserError` when a file is missing or damaged."""
        with loading_model(path) as (tensors, stored):
            stored["mean"], stored["std"] = tuple(stored["mean"]), tuple(stored["std"])
            recipe = Recipe(**stored)
            trunk = timm.create_model(recipe.name, pretrained=False, num_classes=0)
            trunk.load_state_dict({k: torch.from_numpy(v) for k, v in tensors.items()})
            return cls(trunk, recipe)


def _contiguous(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key: tensor.detach().cpu().contiguous() for key, tensor in state.items()}


def _digest(state: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for key, tensor in sorted(_contiguous(state).items()):
        digest.update(f"{key} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]

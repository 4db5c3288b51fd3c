"""A pretrained trunk with a new head."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from pipeline.backbones.weights import make_backbone
from pipeline.cnns.params import Transfer
from pipeline.cnns.standardization import StandardizeSet
from pipeline.core.errors import UserError


class TransferNetwork(nn.Module):
    """A trunk with a new head: x (N, 3, H, W) in 0..1, brought to the trunk's size -> logits.

    The trunk's batch normalisation and dropout stay in evaluation mode.
    """

    def __init__(
        self, trunk: nn.Module, *, size: int, width: int, classes: int, dropout: float
    ) -> None:
        super().__init__()
        self.trunk = trunk
        self.size = size
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(width, classes))

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1] != self.size:
            x = F.interpolate(
                x, (self.size, self.size), mode="bilinear", align_corners=False, antialias=True
            )
        maps = self.trunk.forward_features(x)  # type: ignore[operator]
        logits: Tensor = self.head(self.trunk.forward_head(maps, pre_logits=True))  # type: ignore[operator]
        return logits

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        self.trunk.eval()
        return self

    def last_layers(self, count: int) -> list[nn.Parameter]:
        """The parameters of the head and of the last `count` layers of the trunk that have some."""
        layers = [m for m in self.trunk.modules() if list(m.parameters(recurse=False))]
        if count > len(layers):
            raise UserError(
                f"architecture.finetune.layers is {count}: the trunk has {len(layers)} layers"
            )
        last = [p for layer in layers[-count:] for p in layer.parameters(recurse=False)]
        return [*last, *self.head.parameters()]


@dataclass(frozen=True)
class Trunk:
    """What is known of a transfer's trunk: timm's name, what it was trained on, input side, width
    of its pooled output, mean and deviation of RGB in 0..1."""

    name: str
    trained_on: str
    size: int
    width: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    digest: str  # of its weights


def make_trunk(transfer: Transfer, pretrained_dir: Path, seed: int) -> tuple[Trunk, nn.Module]:
    """The trunk with its weights, and what is known of it. Errors: `UserError`."""
    backbone = make_backbone(
        transfer.backbone, transfer.weights, pretrained_dir=pretrained_dir, seed=seed,
        section="architecture",
    )  # fmt: skip
    recipe = backbone.recipe
    size = transfer.size or recipe.input_size
    try:
        with torch.inference_mode():
            pooled = backbone.pooled(torch.zeros(1, 3, size, size))
    except (AssertionError, RuntimeError) as error:
        raise UserError(
            f"architecture.size is {size}: {recipe.name} cannot take it "
            f"({str(error).splitlines()[0]}); leave it out for its own, {recipe.input_size}"
        ) from None
    facts = Trunk(
        recipe.name, recipe.trained_on, size, pooled.shape[1], recipe.mean, recipe.std,
        recipe.digest,
    )  # fmt: skip
    return facts, backbone.trunk


def rebuild_trunk(trunk: Trunk) -> nn.Module:
    """The trunk, its weights to be loaded."""
    import timm  # its models take two seconds beside torch

    made: nn.Module = timm.create_model(trunk.name, pretrained=False, num_classes=0)
    return made


def with_head(made: nn.Module, trunk: Trunk, classes: int, dropout: float) -> nn.Sequential:
    """Standardisation as the trunk wants it, the trunk `made`, and a new head."""
    network = TransferNetwork(
        made, size=trunk.size, width=trunk.width, classes=classes, dropout=dropout
    )
    return nn.Sequential(StandardizeSet(trunk.mean, trunk.std), network)

"""Stage weights: models/pretrained -> models/backbone."""

from __future__ import annotations

from pipeline.artifacts import models
from pipeline.backbones.weights import make_backbone


def weights(backbone: str, source: str, *, seed: int) -> str:
    """Write the backbone of this name with the weights of `source`; returns what was made."""
    made = make_backbone(backbone, source, pretrained_dir=models.PRETRAINED, seed=seed)
    made.save(models.backbone_path())
    recipe = made.recipe
    return f"weights: {recipe.name} (trained on: {recipe.trained_on}), digest {recipe.digest}"

"""Stage weights: models/pretrained -> models/backbone.safetensors, models/backbone.json."""

from __future__ import annotations

import sys
from pathlib import Path

from pipeline.backbones import make_backbone
from pipeline.console import run
from pipeline.params import load_params


def main() -> None:
    pretrained_dir, model_path = map(Path, sys.argv[1:])
    params = load_params().features
    backbone = make_backbone(
        params.backbone, params.weights, pretrained_dir=pretrained_dir, seed=params.seed
    )
    backbone.save(model_path)
    recipe = backbone.recipe
    print(f"weights: {recipe.name} (trained on: {recipe.trained_on}), digest {recipe.digest}")


if __name__ == "__main__":
    run(main)

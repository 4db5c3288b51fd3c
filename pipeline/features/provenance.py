"""All that decides which vectors come out: vectors are kept for as long as it stays the same."""

from __future__ import annotations

from typing import Any

from pipeline.backbones.recipe import Recipe
from pipeline.features.params import Layers

# Of a recipe, what decides the vectors.
DECISIVE = ("name", "digest", "input_size", "crop_pct", "interpolation", "mean", "std")

REVISION = 2  # raise it when a change of the code changes vectors: those kept are computed anew


def provenance(
    recipe: Recipe,
    *,
    layers: Layers,
    pool: str,
    resize: str,
    scaled_decoding: bool,
    decoder: str,
) -> dict[str, Any]:
    """As the vectors' metadata hold it, but for the precision, which may be chosen by measuring."""
    return {
        "revision": REVISION,
        **{key: getattr(recipe, key) for key in DECISIVE},
        "layers": layers,
        "pool": pool,
        "resize": resize,
        "scaled_decoding": scaled_decoding,
        "decoder": decoder,
    }

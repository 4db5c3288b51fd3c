"""`models/pca`: what projects features on the components, or lets them through."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.core.digests import digest
from pipeline.core.tensors import loading_model, save_model
from pipeline.pca.decomposition import Components
from pipeline.pca.rows import Array


@dataclass(frozen=True)
class Projection:
    """Features (N, D) -> components (N, K); whiten: each of variance 1."""

    components: Components
    whiten: bool

    def __call__(self, features: Array) -> Array:
        return self.components.project(features, whiten=self.whiten)


def components_digest(projection: Projection | None, **extraction: str) -> str:
    """Which components these are: the digest of the projection and what its features are."""
    parts = [json.dumps(extraction, sort_keys=True).encode()]
    if projection is not None:
        found, scale = projection.components, projection.components.scale[:, None]
        scaled = found.components / scale if projection.whiten else found.components
        parts += [found.mean.tobytes(), np.ascontiguousarray(scaled).tobytes()]
    return digest(*parts)


def save_pca(path: Path, projection: Projection | None, **provenance: Any) -> None:
    """Write `path` (safetensors) and the .json beside it; `None` is `components: none`."""
    if projection is None:
        save_model(path, {}, components="none", **provenance)
        return
    found = projection.components
    tensors = {
        "mean": found.mean,
        "components": found.components,
        "explained_variance": found.explained_variance,
        "explained_variance_ratio": found.explained_variance_ratio,
    }
    count = len(found.components)
    stored = {"components": count, "whiten": projection.whiten, "samples": found.samples}
    save_model(path, tensors, **stored, **provenance)


def load_pca(path: Path) -> tuple[Projection | None, dict[str, Any]]:
    """What `save_pca` wrote, and its provenance. Errors: `UserError`."""
    with loading_model(path) as (tensors, stored):
        if stored.pop("components") == "none":
            return None, stored
        whiten, samples = stored.pop("whiten"), stored.pop("samples")
        return Projection(Components(**tensors, samples=samples), whiten), stored

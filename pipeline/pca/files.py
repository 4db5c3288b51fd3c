"""The files of a PCA."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.core.digests import digest
from pipeline.core.tensors import loading_model, save_model
from pipeline.pca.decomposition import StreamingPCA


def components_digest(pca: StreamingPCA | None, **extraction: str) -> str:
    """Which components these are: 16 hex digits of a SHA-256 over the PCA and its features."""
    parts = [json.dumps(extraction, sort_keys=True).encode()]
    if pca is not None:
        scaled = pca.components_ / pca._scale()[:, None] if pca.whiten else pca.components_
        parts += [pca.mean_.tobytes(), np.ascontiguousarray(scaled).tobytes()]
    return digest(*parts)


def save_pca(path: Path, pca: StreamingPCA | None, **provenance: Any) -> None:
    """Write `path` (safetensors) and the .json beside it; `None` is `components: none`."""
    if pca is None:
        save_model(path, {}, components="none", **provenance)
        return
    tensors = {
        "mean": pca.mean_,
        "components": np.ascontiguousarray(pca.components_),
        "explained_variance": pca.explained_variance_,
        "explained_variance_ratio": pca.explained_variance_ratio_,
    }
    stored = {"components": pca.n_components_, "whiten": pca.whiten, "samples": pca.n_samples_}
    save_model(path, tensors, **stored, **provenance)


def load_pca(path: Path) -> tuple[StreamingPCA | None, dict[str, Any]]:
    """The PCA that `save_pca` wrote and its provenance. Errors: `UserError`."""
    with loading_model(path) as (tensors, stored):
        components = stored.pop("components")
        if components == "none":
            return None, stored
        pca = StreamingPCA(components, whiten=stored.pop("whiten"))
        pca.n_samples_ = stored.pop("samples")
        pca.mean_, pca.components_ = tensors["mean"], tensors["components"]
        pca.explained_variance_ = tensors["explained_variance"]
        pca.explained_variance_ratio_ = tensors["explained_variance_ratio"]
        pca.n_components_, pca.n_features_in_ = components, len(pca.mean_)
        return pca, stored

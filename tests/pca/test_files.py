"""`models/pca`: what is written comes back, what is damaged is named."""

from dataclasses import asdict

import numpy as np
import pytest

from pipeline.core.files import read_json
from pipeline.pca.decomposition import fit_components
from pipeline.pca.files import Projection, load_pca, save_pca


def fitted(rows, columns, components, dtype=np.float64):
    """Random rows and a projection fitted on them."""
    X = np.random.default_rng(0).standard_normal((rows, columns)).astype(dtype)
    return X, Projection(fit_components(lambda: iter([X]), components), whiten=True)


@pytest.mark.parametrize("dtype", [np.float64, np.float16])
def test_round_trip(tmp_path, dtype):
    X, pca = fitted(60, 500, 7, dtype)
    save_pca(tmp_path / "new" / "pca.safetensors", pca, pool="head", digest="é")
    loaded, provenance = load_pca(tmp_path / "new" / "pca.safetensors")
    assert provenance == {"pool": "head", "digest": "é"}
    components = loaded.components
    assert (len(components.components), loaded.whiten, components.samples) == (7, True, 60)
    for name, expected in asdict(pca.components).items():
        found = getattr(components, name)
        if name != "samples":
            assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(loaded(X), pca(X), rtol=1e-6, atol=1e-6)


def test_round_trip_of_none(tmp_path):
    path = tmp_path / "pca.safetensors"
    save_pca(path, None, pool="head")
    assert load_pca(path) == (None, {"pool": "head"})
    assert read_json(path.with_suffix(".json")).items() >= {"components": "none"}.items()


@pytest.mark.parametrize("damage", ["missing", "half", "no json", "not json", "other"])
def test_damaged_files(tmp_path, refused, damage):
    path = tmp_path / "pca.safetensors"
    save_pca(path, fitted(20, 30, 3)[1])
    if damage == "missing":
        path.unlink()
    elif damage == "half":
        path.write_bytes(path.read_bytes()[:50])
    elif damage == "no json":
        path.with_suffix(".json").unlink()
    elif damage == "not json":
        path.with_suffix(".json").write_text("{")
    else:
        path.with_suffix(".json").write_text("{}")
    with refused(str(path.with_suffix("")), "dvc repro"):
        load_pca(path)

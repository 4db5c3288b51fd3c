"""The files of a model."""

from __future__ import annotations

import numpy as np

from pipeline.core.tensors import loading_model, save_model


def test_arrays_of_any_order_come_back(tmp_path):
    values = np.arange(6.0).reshape(2, 3)
    arrays = {"rows": values, "columns": np.asfortranarray(values), "scalar": np.array(2.0)}
    save_model(tmp_path / "model.safetensors", arrays, classes=["à"])
    with loading_model(tmp_path / "model.safetensors") as (tensors, stored):
        assert tensors.keys() == arrays.keys()
        for name, array in arrays.items():
            np.testing.assert_array_equal(tensors[name], array, strict=True)
        assert stored == {"classes": ["à"]}

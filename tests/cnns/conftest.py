"""A run and pictures for its network."""

import numpy as np
import pytest

from pipeline.cnns.inputs import Pictures
from pipeline.cnns.params import CnnRun


@pytest.fixture
def run():
    """Keys of the run that differ -> the run."""

    def make(**changes):
        return CnnRun.model_validate(
            {
                "architecture": "cnn_cifar", "optimizer": "sgd", "learning_rate": 0.05,
                "weight_decay": 0.0, "schedule": {"kind": "constant"}, "batch_size": 4,
                "epochs": 1, "augment": {}, "standardize": "set", "balance": "none", "ema": "none",
                "patience": "none", "precision": "float32", "device": "cpu", "threshold": 0.5,
                "repeats": 1, "seed": 0, **changes,
            }
        )  # fmt: skip

    return make


@pytest.fixture
def pictures():
    """Four of nine pictures, of three classes."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(256, size=(9, 12, 12, 3), dtype=np.uint8)
    return Pictures(pixels, np.array([1, 3, 4, 8]), np.eye(3, dtype=np.int8)[[0, 1, 2, 0]])

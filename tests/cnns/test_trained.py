"""The network of a run after its training."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.cnns.network import make_network
from pipeline.cnns.trained import TrainedNetwork


@pytest.mark.parametrize("standardize", ["set", "picture"])
@pytest.mark.parametrize(("multilabel", "temperature"), [(False, None), (True, None), (False, 2.5)])
def test_round_trip(run, pictures, standardize, multilabel, temperature, tmp_path):
    params = run(standardize=standardize)
    network, trunk = make_network(params, pictures, seed=0, pretrained_dir=tmp_path)
    trained = TrainedNetwork(
        network, params, trunk, pictures.shape, list("abc"), multilabel, temperature
    )
    trained.save(tmp_path / "n.safetensors", pixels={"size": 12})
    loaded, stored = TrainedNetwork.load(tmp_path / "n.safetensors")
    np.testing.assert_array_equal(loaded.scores(pictures[:]), trained.scores(pictures[:]))
    assert loaded.temperature == temperature
    assert (stored["pixels"], loaded.classes) == ({"size": 12}, ["a", "b", "c"])
    assert stored["first_convolution"].startswith("1.")


def test_round_trip_of_a_transfer(run, pictures, tmp_path):
    params = run(architecture={"backbone": "resnet18", "weights": "random", "dropout": 0.5})
    network, trunk = make_network(params, pictures, seed=0, pretrained_dir=tmp_path)
    trained = TrainedNetwork(network, params, trunk, pictures.shape, list("abc"), False)
    trained.save(tmp_path / "n.safetensors")
    loaded, _ = TrainedNetwork.load(tmp_path / "n.safetensors")
    np.testing.assert_array_equal(loaded.scores(pictures[:]), trained.scores(pictures[:]))

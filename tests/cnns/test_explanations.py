"""What a network looked at, against the class activation map of a network that has one."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch import nn

from pipeline.artifacts.explanations import SCHEMA
from pipeline.cnns.explanations import explain, grad_cam, last_map, surest
from pipeline.cnns.inputs import Pictures
from pipeline.cnns.network import make_network
from pipeline.cnns.params import CnnRun
from pipeline.cnns.trained import TrainedNetwork
from pipeline.core.parquet import read_file, write_file

CONVOLUTION = nn.Conv2d(3, 8, 3, padding=1)
RUN = {
    "optimizer": "sgd", "learning_rate": 0.1, "weight_decay": 0.0, "batch_size": 4, "epochs": 1,
    "schedule": {"kind": "constant"}, "augment": {}, "standardize": "set", "balance": "none",
    "ema": "none", "patience": "none", "precision": "float32", "device": "cpu", "threshold": 0.5,
    "repeats": 1, "seed": 0,
}  # fmt: skip


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("target", [0, 1, 2])
def test_it_is_the_class_activation_map_where_the_last_map_is_averaged(target, frozen):
    """arXiv 1610.02391, section 3.1; the map of arXiv 1512.04150, eq. 2."""
    torch.manual_seed(0)
    convolve = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(True))
    classify = nn.Linear(8, 3)
    network = nn.Sequential(convolve, nn.AdaptiveAvgPool2d(1), nn.Flatten(), classify).eval()
    convolve.requires_grad_(not frozen)
    x = torch.rand(1, 3, 6, 5)
    layer = last_map(network, x)
    with torch.no_grad():
        activation = torch.einsum("k,khw->hw", classify.weight[target], convolve(x)[0]).relu()
    expected = (activation / activation.max()).numpy()
    np.testing.assert_allclose(grad_cam(network, layer, x, target), expected, atol=1e-5)


def test_a_class_that_nothing_speaks_for_has_no_heat():
    classify = nn.Linear(8, 2)
    nn.init.constant_(classify.weight, -1)
    network = nn.Sequential(CONVOLUTION, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), classify)
    heat = grad_cam(network, network[1], torch.rand(1, 3, 4, 4), 0)
    np.testing.assert_array_equal(heat, np.zeros((4, 4)))


class Tokens(nn.Module):
    def forward(self, x):
        return x.flatten(2).transpose(1, 2)


class Shortcut(nn.Module):
    """Its one ReLU serves twice, as torchvision's do."""

    def __init__(self):
        super().__init__()
        self.convolution, self.relu = nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(inplace=True)

    def forward(self, x):
        return self.relu(self.convolution(self.relu(x)) + x)


@pytest.mark.parametrize(
    ("layers", "last"),
    [
        ([nn.Flatten(), nn.Linear(192, 3)], None),
        ([nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(192, 3)], None),
        ([CONVOLUTION, nn.Flatten()], 0),
        ([CONVOLUTION, nn.ReLU(True), nn.MaxPool2d(2), nn.Flatten()], 1),
        ([CONVOLUTION, nn.MaxPool2d(8), nn.Conv2d(8, 4, 1), nn.Flatten()], 0),  # of one place
        ([CONVOLUTION, nn.MaxPool2d(2), Shortcut(), nn.Flatten()], 2),
        ([CONVOLUTION, Tokens(), nn.Linear(8, 4), nn.Flatten()], None),
    ],
)
def test_the_last_map_is_as_fine_as_the_last_convolution(layers, last):
    network = nn.Sequential(*layers).eval()
    found = last_map(network, torch.rand(2, 3, 8, 8))
    assert found is (None if last is None else network[last])
    assert not any(module._forward_hooks for module in network.modules())
    if found is not None:
        assert grad_cam(network, found, torch.rand(1, 3, 8, 8), 0).max() <= 1


def test_the_surest_come_first_and_each_class_in_turn():
    top = [(0, 0.9), (0, 0.8), (1, 0.6), (0, 0.95), (2, 0.7), (1, 0.5)]
    scores = np.full((6, 3), 0.1, np.float32)
    for row, (column, score) in enumerate(top):
        scores[row, column] = score
    targets = np.eye(3, dtype=np.int8)[[0, 0, 1, 1, 0, 1]]
    assert surest(scores, targets, count=3) == [0, 2, 1, 3, 4]
    assert surest(scores, targets, count=1) == [0, 3]
    assert surest(scores, targets, count=0) == []
    several = np.ones((6, 3), np.int8)  # then the top class is always one of them
    assert surest(scores, several, count=4) == [3, 4, 2, 0]


@pytest.mark.parametrize("multilabel", [False, True])
@pytest.mark.parametrize(
    ("architecture", "side"),
    [
        ("lenet5", 2),
        ("mlp_mnist", None),
        ({"backbone": "test_resnet", "weights": "random"}, 5),
    ],
)
def test_rows_tell_picture_classes_and_heat(architecture, side, multilabel, tmp_path):
    rng = np.random.default_rng(0)
    pixels = rng.integers(256, size=(9, 12, 12, 3), dtype=np.uint8)
    targets = np.eye(3, dtype=np.int8)[[0, 1, 2, 0, 0]]
    targets[1, 0] = multilabel
    pictures = Pictures(pixels, np.array([0, 2, 3, 5, 8]), targets)
    run = CnnRun.model_validate({"architecture": architecture, **RUN})
    network, trunk = make_network(run, pictures, seed=0, pretrained_dir=tmp_path)
    trained = TrainedNetwork(network, run, trunk, pictures.shape, list("abc"), multilabel)
    labels = [["abc"[i] for i in np.flatnonzero(row)] for row in targets]
    rows = pa.table({"image_id": list("vwxyz"), "labels": labels})
    scores = trained.scores(pictures[:])
    table = explain(trained, pictures, rows, scores, count=2)
    write_file(tmp_path / "e.parquet", table)
    found = read_file(tmp_path / "e.parquet")
    assert found.schema.equals(SCHEMA)
    if side is None:
        assert found.num_rows == 0
        return
    chosen = surest(scores, targets, count=2)
    assert found["image_id"].to_pylist() == ["vwxyz"[i] for i in chosen]
    assert found["labels"].to_pylist() == [labels[i] for i in chosen]
    assert found["predicted"].to_pylist() == ["abc"[i] for i in scores[chosen].argmax(1)]
    np.testing.assert_array_equal(found["score"], scores[chosen].max(1))
    heat = np.array(found["heat"].to_pylist())
    assert heat.shape[1:] == (side, side)
    assert (heat.max((1, 2)) == 255).any()
    assert explain(trained, pictures, rows, scores, count=0).num_rows == 0

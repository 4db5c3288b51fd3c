import pytest
import torch
from torch import nn

from pipeline.cnns.architectures.mobilenet import InvertedResidual
from pipeline.cnns.architectures.registry import parameters


def test_mobilenet_v2_38_is_its_table(network):
    built = network("mobilenet_v2_38", 224, classes=5)
    assert parameters(built) == 562_853
    assert len([m for m in built.modules() if isinstance(m, nn.Conv2d)]) == 38


@pytest.mark.parametrize(("n_out", "stride", "added"), [(4, 1, True), (4, 2, False), (6, 1, False)])
def test_the_input_is_added_where_the_shapes_agree(n_out, stride, added):
    block = InvertedResidual(4, n_out, stride=stride)
    nn.init.zeros_(block.layers[-1].weight)  # then the layers give 0
    x = torch.rand(2, 4, 6, 6)
    y = block(x)
    assert y.shape == (2, n_out, 6 // stride, 6 // stride)
    assert torch.equal(y, x) if added else not y.any()

import math

import pytest
import torch
from torch import nn

from pipeline.cnns.architectures.he import he_initialize


@pytest.mark.parametrize(
    ("layer", "n"),
    [
        (nn.Linear(400, 200), 400),
        (nn.Conv2d(50, 80, 3), 80 * 9),
        (nn.Conv2d(40, 80, (5, 3)), 80 * 15),
        (nn.Conv2d(4000, 4000, 3, groups=4000), 9),
    ],
)
def test_weights_have_the_variance_of_he(layer, n):
    he_initialize(layer, generator=torch.Generator().manual_seed(0))
    assert layer.weight.std().item() == pytest.approx(math.sqrt(2 / n), rel=0.02)
    assert not layer.bias.any()


def test_dense_layers_keep_the_second_moment_through_rectifiers():
    generator = torch.Generator().manual_seed(0)
    network = nn.Sequential(*(nn.Sequential(nn.ReLU(), nn.Linear(900, 900)) for _ in range(4)))
    he_initialize(network, generator=generator)
    x = torch.randn(100, 900, generator=generator)
    assert (network(x) ** 2).mean().item() == pytest.approx(1, rel=0.25)


def test_batch_norm_begins_as_the_identity_and_prelu_at_a_quarter():
    norm, prelu = nn.BatchNorm2d(3), nn.PReLU(3)
    nn.init.constant_(norm.weight, 5)
    nn.init.constant_(norm.bias, 5)
    he_initialize(nn.Sequential(norm, prelu), generator=torch.Generator())
    assert (norm.weight == 1).all()
    assert not norm.bias.any()
    assert (prelu.weight == 0.25).all()

import pytest
import torch

from pipeline.cnns.architectures.registry import parameters
from pipeline.cnns.architectures.resnets import BasicBlock


@pytest.mark.parametrize(
    ("depth", "count"),
    [(20, 269_722), (32, 464_154), (44, 658_586), (56, 853_018), (110, 1_727_962)],
)
def test_the_cifar_networks_have_the_sizes_of_the_paper(depth, count, network):
    built = network(f"resnet{depth}", 32)
    assert parameters(built) == count
    layers = [m for m in built.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]
    assert len(layers) == depth


def test_a_shortcut_without_parameters_takes_every_second_place_and_adds_zeros():
    block = BasicBlock(2, 5, stride=2)
    torch.nn.init.zeros_(block.conv2.weight)  # then f(x) = 0
    x = torch.rand(3, 2, 7, 6)
    y = block(x)
    assert y.shape == (3, 5, 4, 3)
    assert torch.equal(y[:, :2], x[:, :, ::2, ::2])
    assert not y[:, 2:].any()

from importlib import import_module

import pytest
import torch
from torch import nn

from pipeline.cnns.architectures import lenet, registry
from pipeline.cnns.architectures.architecture import architecture
from pipeline.cnns.architectures.registry import (
    ARCHITECTURES,
    build_network,
    count_parameters,
    parameters,
)

SMALL = [name for name in ARCHITECTURES if name != "vgg16"]  # half a gigabyte


@pytest.mark.slow(reason="large networks")
@pytest.mark.parametrize("name", SMALL)
def test_the_seed_alone_decides_the_weights(name, network):
    size = ARCHITECTURES[name].least
    before = torch.get_rng_state()
    built = network(name, size, seed=1)
    first = built.state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(1)
    same, other = (network(name, size, seed=seed).state_dict() for seed in (1, 2))
    assert all(torch.equal(first[key], same[key]) for key in first)
    weights = [key for key, value in built.named_parameters() if value.ndim > 1]
    assert weights
    assert not any(torch.equal(first[key], other[key]) for key in weights)


def test_an_unknown_name_is_answered_with_the_close_ones_and_all(refused):
    with refused("network 'resnet51' is unknown", "closest names are resnet5", *ARCHITECTURES):
        build_network("resnet51", classes=10, channels=3, size=32, seed=0)


@pytest.mark.parametrize("name", [name for name in ARCHITECTURES if ARCHITECTURES[name].least > 1])
def test_a_size_below_the_least_is_refused(name, refused):
    least = ARCHITECTURES[name].least
    with refused(
        f"network {name!r} was given pictures of {least - 1} x {least - 1} pixels",
        f"it takes {least} x {least} and more",
        "raise pixels.size, or choose one that takes",
        "mlp_mnist",
    ):
        build_network(name, classes=10, channels=3, size=least - 1, seed=0)


def test_no_picture_has_no_pixel(refused):
    with refused("0 x 0", "none does"):
        build_network("mlp_mnist", classes=10, channels=3, size=0, seed=0)


@pytest.mark.parametrize("name", SMALL)
def test_parameters_are_counted_without_a_network(name, network):
    known = ARCHITECTURES[name]
    built = network(name, known.made_for, classes=7, channels=known.channels)
    assert count_parameters(name, 7) == parameters(built)


def test_every_network_says_where_it_is_from():
    assert ARCHITECTURES["lenet5"].source == "LeNet-5: LeCun et al. 1998, figure 2, with ReLU"
    for name, known in ARCHITECTURES.items():
        assert len(known.source) > 20, name
        assert "\n" not in known.source


def test_all_of_a_family_are_known_by_their_functions_names():
    families = [import_module(f"pipeline.cnns.architectures.{f}") for f in registry.FAMILIES]
    found = [value for family in families for value in vars(family).values()]
    builders = [value for value in found if isinstance(value, registry.Architecture)]
    assert list(ARCHITECTURES.values()) == builders
    assert ARCHITECTURES["lenet5"] is lenet.lenet5


def test_a_new_network_is_a_function_with_a_decorator(monkeypatch, refused):
    @architecture(made_for=16, least=5)
    def line(*, classes, channels, size):
        """A line: nobody 2024.

        More of it.
        """
        return nn.Sequential(nn.Flatten(), nn.Linear(channels * size * size, classes))

    assert (line.name, line.source) == ("line", "A line: nobody 2024")
    monkeypatch.setitem(ARCHITECTURES, line.name, line)
    built = build_network("line", classes=3, channels=1, size=6, seed=0)
    assert built(torch.rand(2, 1, 6, 6)).shape == (2, 3)
    assert count_parameters("line", 3) == 3 * (3 * 16 * 16 + 1)
    with refused("takes 5 x 5 and more, made for 16 x 16"):
        build_network("line", classes=3, channels=1, size=4, seed=0)

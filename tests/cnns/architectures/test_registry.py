import pytest
import torch

from pipeline.cnns.architectures.registry import ARCHITECTURES, build_network

SMALL = [name for name in ARCHITECTURES if name != "vgg16"]  # half a gigabyte


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

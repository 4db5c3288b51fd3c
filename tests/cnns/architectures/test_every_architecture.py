"""What holds for every architecture."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from pipeline.cnns.architectures.registry import ARCHITECTURES, build_network

pytestmark = pytest.mark.usefixtures("one_thread")


def pictures(n, channels, size):
    return torch.randn(n, channels, size, size, generator=torch.Generator().manual_seed(n))


def side(name):
    """The native side; of the large ones, one that is quick."""
    architecture = ARCHITECTURES[name]
    return architecture.made_for if architecture.made_for <= 32 else max(32, 2 * architecture.least)


def channels_of(name):
    return ARCHITECTURES[name].channels


@pytest.fixture(scope="module", params=ARCHITECTURES)
def built(request):
    """A name and its network for 10 classes with a side of `side`."""
    name = request.param
    network = build_network(name, classes=10, channels=channels_of(name), size=side(name), seed=0)
    return name, network


@pytest.mark.slow(reason="large networks")
def test_gives_logits_and_a_gradient_for_every_parameter(built):
    name, network = built
    network.train()
    logits = network(pictures(4, channels_of(name), side(name)))
    assert logits.shape == (4, 10)
    assert logits.isfinite().all()
    cross_entropy(logits, torch.arange(4)).backward()
    for parameter in network.parameters():
        assert parameter.grad.isfinite().all()
        if parameter.ndim > 1:  # a bias before BatchNorm has none
            assert parameter.grad.any()
    network.zero_grad()


@pytest.mark.slow(reason="large networks")
def test_runs_in_bfloat16_with_channels_last(built):
    name, network = built
    network.eval()
    x = pictures(2, channels_of(name), side(name))
    with torch.no_grad():
        expected = network(x)
        with torch.autocast("cpu", torch.bfloat16):
            logits = network.to(memory_format=torch.channels_last)(
                x.to(memory_format=torch.channels_last)
            )
    assert (logits - expected).norm() < 0.1 * expected.norm()


@pytest.mark.slow(reason="large networks")
def test_learns_a_batch_by_heart(built):
    name, network = built
    modules = list(network.train().modules())
    for module in modules:
        if isinstance(module, nn.Dropout):  # makes the loss rise and fall
            module.eval()
        if isinstance(module, nn.Linear):
            module.requires_grad_(module.weight.numel() < 1e7)  # VGG-16 has two of 0.5 GB
    adapts = any(isinstance(module, nn.AdaptiveAvgPool2d) for module in modules)
    small = max(ARCHITECTURES[name].least, 8)
    x = pictures(8, channels_of(name), small if adapts else side(name))
    weights = [parameter for parameter in network.parameters() if parameter.requires_grad]
    normalised = any(isinstance(module, nn.BatchNorm2d) for module in modules)
    optimizer = torch.optim.Adam(weights, lr=1e-3 if normalised else 2e-4)
    losses = []
    for _ in range(5):
        optimizer.zero_grad()
        loss = cross_entropy(network(x), torch.arange(8))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.slow(reason="large networks")
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_takes_its_native_size_other_sizes_channels_and_classes(name):
    architecture = ARCHITECTURES[name]
    for channels, classes, size in [
        (3, 2, architecture.made_for),
        (1, 100, architecture.made_for + 11),
        (4, 10, architecture.least),
    ]:
        with torch.device("meta"):  # shapes alone
            network = architecture.build(classes=classes, channels=channels, size=size)
            logits = network.eval()(torch.empty(2, channels, size, size))
        assert logits.shape == (2, classes)

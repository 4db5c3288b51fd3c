import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from pipeline.nn.convnet import convnet
from pipeline.nn.convolution import Conv2d
from pipeline.nn.layers import Dense, ReLU
from pipeline.nn.losses import SoftmaxCrossEntropy
from pipeline.nn.network import train_epoch
from pipeline.nn.normalization import BatchNorm
from pipeline.nn.optimizers import SGD
from pipeline.nn.replicas import Replicas

SHAPE = (9, 8, 3)


def network(rng, filters=(4, 5, 6), shape=SHAPE, **options):
    return convnet(shape, filters, (7,), 4, rng=rng, dtype=np.float64, **options)


def kinds(net):
    return [type(layer).__name__ for layer in net.layers]


def test_layers_in_order(rng):
    conv, pool = ["Conv2d", "ReLU"], ["Conv2d", "MaxPool", "MaxPool", "ReLU"]
    head = ["Flatten", "Dense", "ReLU", "Dense"]
    assert kinds(network(rng, (4,))) == ["AsPictures", *pool, *head]
    assert kinds(network(rng, (4, 4))) == ["AsPictures", *pool, *pool, *head]
    assert kinds(network(rng, (4, 4, 4))) == ["AsPictures", *conv, *pool, *pool, *head]
    assert kinds(network(rng, (4, 4, 4, 4))) == ["AsPictures", *conv, *pool, *conv, *pool, *head]


def test_options_add_their_layers(rng):
    net = network(rng, (4,), pooling="average", batch_norm=True, dropout=0.5)
    trunk = ["Conv2d", "BatchNorm", "ReLU", "AvgPool", "AvgPool", "Flatten"]
    head = ["Dense", "BatchNorm", "ReLU", "Dropout", "Dense"]
    assert kinds(net) == ["AsPictures", *trunk, *head]
    # A bias before batch normalisation would be without effect.
    assert [len(layer.params) for layer in net.layers if isinstance(layer, Conv2d | Dense)] == [
        1,
        1,
        2,
    ]


def test_an_axis_of_one_is_not_halved(rng):
    net = network(rng, (4, 4, 4), shape=(1, 5, 1))
    assert [layer.axis for layer in net.layers if hasattr(layer, "axis")] == [2, 2]
    assert net.predict(rng.standard_normal((3, 5))).shape == (3, 4)


class Channelwise(torch.nn.Module):
    """A module of (N, C, H, W) for pictures given as rows (N, H * W * C)."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, x):
        return self.module(x.reshape(len(x), *SHAPE).permute(0, 3, 1, 2))


class FlattenAsHere(torch.nn.Module):
    def forward(self, x):
        return x.permute(0, 2, 3, 1).flatten(1)


def twin(net, pooling):
    """The same network in torch, with the same weights; ReLU before each pooling."""
    modules = []
    for layer in net.layers:
        if isinstance(layer, Conv2d):
            k = layer.params[0]
            modules.append(torch.nn.Conv2d(*k.shape[2:], 3, padding=1, bias=len(layer.params) == 2))
            modules[-1].weight.data = torch.tensor(k.transpose(3, 2, 0, 1).copy())
        elif isinstance(layer, Dense):
            w = layer.params[0]
            modules.append(torch.nn.Linear(*w.shape, bias=len(layer.params) == 2))
            modules[-1].weight.data = torch.tensor(w.T.copy())
        elif isinstance(layer, BatchNorm):
            flat = isinstance(modules[-1], torch.nn.Linear)
            kind = torch.nn.BatchNorm1d if flat else torch.nn.BatchNorm2d
            modules.append(kind(len(layer.params[0])))
        elif isinstance(layer, ReLU):
            before_pool = modules and isinstance(modules[-1], torch.nn.MaxPool2d)
            modules.insert(len(modules) - before_pool, torch.nn.ReLU())
        elif getattr(layer, "axis", None) == 1:
            modules.append((torch.nn.MaxPool2d if pooling == "max" else torch.nn.AvgPool2d)(2))
        elif type(layer).__name__ == "Flatten":
            modules.append(FlattenAsHere())
        if isinstance(layer, Conv2d | Dense) and len(layer.params) == 2:
            modules[-1].bias.data = torch.tensor(layer.params[1].copy())
    return Channelwise(torch.nn.Sequential(*modules).double())


@pytest.mark.slow(reason="many steps of several networks")
@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("pooling", ["max", "average"])
def test_twenty_steps_are_those_of_torch(pooling, batch_norm, count, rng):
    net = network(rng, pooling=pooling, batch_norm=batch_norm)
    oracle = twin(net, pooling)
    torch_optimizer = torch.optim.SGD(oracle.parameters(), lr=0.05, momentum=0.9)
    x = rng.standard_normal((35, net.layers[0].shape[0] * 24))
    y = rng.integers(4, size=35)
    batches = [(x[i : i + 10], np.eye(4)[y[i : i + 10]]) for i in range(0, 35, 10)]
    with Replicas(net, count) as replicas:
        optimizer = SGD(net.params, 0.05, momentum=0.9)
        for _ in range(5):
            loss = train_epoch(replicas, batches, loss=SoftmaxCrossEntropy(), optimizer=optimizer)
            total = 0.0
            for inputs, targets in batches:
                torch_optimizer.zero_grad()
                torch_loss = F.cross_entropy(oracle(torch.tensor(inputs)), torch.tensor(targets))
                torch_loss.backward()
                torch_optimizer.step()
                total += torch_loss.item() * len(inputs)
            assert loss == pytest.approx(total / 35, rel=1e-5)
    oracle.eval()
    expected = oracle(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(net.predict(x), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(net.predict(x, processes=2), net.predict(x))

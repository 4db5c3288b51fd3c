import pickle

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from pipeline.nn.layers import Dense, Dropout, ReLU
from pipeline.nn.losses import BinaryCrossEntropy, SoftmaxCrossEntropy
from pipeline.nn.network import PREDICT_ROWS, minibatches, perceptron, train_epoch
from pipeline.nn.normalization import BatchNorm
from pipeline.nn.optimizers import SGD, Adam


def network(rng, sizes=(6, 5, 4, 3), dropout=0.0):
    return perceptron(sizes, rng=rng, dropout=dropout, dtype=np.float64)


@pytest.mark.parametrize("loss", [BinaryCrossEntropy(), SoftmaxCrossEntropy()])
def test_gradients_are_central_differences(loss, rng, assert_is_gradient):
    net = network(rng)
    x, targets = rng.standard_normal((8, 6)), np.eye(3)[rng.integers(3, size=8)]
    net.gradients(x, targets, loss)
    assert_is_gradient(net.grads, lambda: loss(net.predict(x), targets), net.params)


def test_perceptron_has_dropout_and_rectifier_after_all_but_the_last_layer(rng):
    assert [type(layer) for layer in network(rng, (4, 3, 2)).layers] == [Dense, ReLU, Dense]
    with_dropout = network(rng, (4, 3, 2), dropout=0.5).layers
    assert [type(layer) for layer in with_dropout] == [Dense, ReLU, Dropout, Dense]
    assert [type(layer) for layer in network(rng, (4, 2), dropout=0.5).layers] == [Dense]


def test_perceptron_has_batch_normalisation_instead_of_a_bias(rng):
    net = perceptron((4, 3, 2), rng=rng, batch_norm=True)
    assert [type(layer) for layer in net.layers] == [Dense, BatchNorm, ReLU, Dense]
    assert [len(layer.params) for layer in net.layers] == [1, 2, 0, 2]


def test_layers_have_views_of_one_vector(rng):
    net = network(rng)
    for vector, arrays in (
        (net.params, [p for layer in net.layers for p in layer.params]),
        (net.grads, [g for layer in net.layers for g in layer.grads]),
    ):
        vector[...] = np.arange(len(vector))
        np.testing.assert_array_equal(np.concatenate([a.ravel() for a in arrays]), vector)


def test_prediction_in_blocks_is_one_forward_pass(rng):
    net = network(rng, dropout=0.5)
    x = rng.standard_normal((2 * PREDICT_ROWS + 3, 6))
    expected = net.forward(x, training=False)
    np.testing.assert_allclose(net.predict(x), expected, rtol=1e-10)
    np.testing.assert_allclose(net.predict(x, processes=2), expected, rtol=1e-10)


def test_a_pickled_network_is_the_same_and_trains_on(rng):
    net = perceptron((6, 5, 4, 3), rng=rng, dropout=0.5, batch_norm=True)
    x, targets = rng.standard_normal((5, 6)), np.eye(3)[[0, 1, 2, 0, 1]]
    net.gradients(x, targets, SoftmaxCrossEntropy())
    twin = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(twin.forward(x, training=False), net.forward(x, training=False))
    assert len(pickle.dumps(net)) < 2.5 * net.params.nbytes + 10_000
    for layer in twin.layers:
        assert all(np.shares_memory(p, twin.params) for p in layer.params)
    twin.gradients(x, targets, SoftmaxCrossEntropy())
    assert twin.grads.any()


def test_minibatches_hold_each_sample_once_beside_its_target(rng):
    x = np.arange(10.0)[:, np.newaxis]
    batches = list(minibatches(x, 2 * x, batch_size=4, rng=rng))
    assert [len(b) for b, _ in batches] == [4, 4, 2]
    seen = np.concatenate([b for b, _ in batches])
    np.testing.assert_array_equal(np.concatenate([t for _, t in batches]), 2 * seen)
    assert sorted(seen[:, 0]) == list(range(10))
    assert seen[:, 0].tolist() != list(range(10))


def twin(net):
    """The same network in torch, with the same weights."""
    modules = []
    for layer in net.layers:
        if isinstance(layer, Dense):
            linear = torch.nn.Linear(*layer.params[0].shape, dtype=torch.float64)
            linear.weight.data = torch.tensor(layer.params[0].T.copy())
            linear.bias.data = torch.tensor(layer.params[1].copy())
            modules.append(linear)
        else:
            modules.append(torch.nn.ReLU())
    return torch.nn.Sequential(*modules)


@pytest.mark.parametrize(
    ("optimizer", "oracle", "rate"),
    [(SGD, torch.optim.SGD, 0.3), (Adam, torch.optim.Adam, 0.01)],
)
def test_training_is_that_of_torch(optimizer, oracle, rate, rng):
    net = network(rng)
    torch_net = twin(net)
    torch_optimizer = oracle(torch_net.parameters(), lr=rate)
    ours = optimizer(net.params, rate)
    x, targets = rng.standard_normal((40, 6)), rng.integers(2, size=(40, 3)) * 1.0
    for epoch in range(4):
        shuffled = list(minibatches(x, targets, batch_size=7, rng=np.random.default_rng(epoch)))
        loss = train_epoch(net, shuffled, loss=BinaryCrossEntropy(), optimizer=ours)
        total = 0.0
        for batch, batch_targets in shuffled:
            torch_optimizer.zero_grad()
            torch_loss = F.binary_cross_entropy_with_logits(
                torch_net(torch.tensor(batch)), torch.tensor(batch_targets), reduction="sum"
            ) / len(batch)
            torch_loss.backward()
            torch_optimizer.step()
            total += torch_loss.item() * len(batch)
        assert loss == pytest.approx(total / len(x), rel=1e-9)
    expected = torch_net(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(net.predict(x), expected, rtol=1e-7, atol=1e-9)


def test_clipping_limits_weights_and_leaves_biases(rng):
    net = network(rng, (6, 3))
    before = net.state_dict()
    x, targets = 100 * rng.standard_normal((8, 6)), np.full((8, 3), 50.0)
    train_epoch(
        net, [(x, targets)], loss=BinaryCrossEntropy(), optimizer=SGD(net.params, 1.0), clip=0.5
    )
    weight_step, bias_step = (abs(p - before[name]) for name, p in net.state_dict().items())
    assert weight_step.max() == pytest.approx(0.5)
    assert bias_step.min() > 40


def test_memorises_a_small_batch(rng):
    net = perceptron((8, 32, 4), rng=rng)
    x = rng.standard_normal((16, 8), dtype=np.float32)
    targets = np.eye(4, dtype=np.float32)[rng.integers(4, size=16)]
    loss, optimizer = SoftmaxCrossEntropy(), Adam(net.params, 0.01)
    losses = [train_epoch(net, [(x, targets)], loss=loss, optimizer=optimizer) for _ in range(200)]
    assert losses[-1] < 0.01 * losses[0]
    assert net.predict(x).dtype == np.float32


def test_state_dict_round_trip(rng):
    net, other = network(rng), network(rng)
    state = net.state_dict()
    assert list(state) == [f"layers.{i}.{part}" for i in (0, 2, 4) for part in ("weight", "bias")]
    other.load_state_dict(state)
    x = rng.standard_normal((5, 6))
    np.testing.assert_array_equal(net.predict(x), other.predict(x))
    net.params[...] = 0
    assert state["layers.0.weight"].any()


def test_a_state_of_another_network_is_refused(rng):
    net = network(rng)
    with pytest.raises(ValueError, match="the state has"):
        net.load_state_dict(network(rng, (6, 3)).state_dict())
    with pytest.raises(ValueError, match=r"weight has shape \(6, 5\), in the state \(7, 5\)"):
        net.load_state_dict(network(rng, (7, 5, 4, 3)).state_dict())


def test_state_has_the_running_statistics(rng):
    net, other = (perceptron((6, 5, 3), rng=rng, batch_norm=True) for _ in range(2))
    x = rng.standard_normal((20, 6), dtype=np.float32) + 3
    net.gradients(x, np.zeros((20, 3), np.float32), BinaryCrossEntropy())
    state = net.state_dict()
    assert {"layers.1.running_mean", "layers.1.running_variance"} <= state.keys()
    other.load_state_dict(state)
    np.testing.assert_array_equal(net.predict(x), other.predict(x))

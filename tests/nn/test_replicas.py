import multiprocessing
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from pipeline.nn.convnet import convnet
from pipeline.nn.losses import BinaryCrossEntropy
from pipeline.nn.network import perceptron
from pipeline.nn.replicas import Replicas

LOSS = BinaryCrossEntropy()


@pytest.fixture
def batch(rng):
    return rng.standard_normal((11, 6)), rng.integers(2, size=(11, 3)) * 1.0


@pytest.mark.slow(reason="starts processes")
@pytest.mark.parametrize("rows", [11, 2, 1])  # 1: fewer than there are replicas
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_gradients_are_those_of_the_whole_batch(count, batch_norm, rows, batch, rng):
    x, targets = (part[:rows] for part in batch)
    net = perceptron((6, 5, 4, 3), rng=rng, batch_norm=batch_norm, dtype=np.float64)
    with Replicas(net, count) as replicas:
        logits = replicas.gradients(x, targets, LOSS)
    running = [layer.buffers for layer in net.replica().layers if layer.buffers]
    running = [{k: v.copy() for k, v in buffers.items()} for buffers in running]
    for layer in net.layers:
        for name, buffer in layer.buffers.items():
            buffer[...] = name == "running_variance"
    np.testing.assert_allclose(logits, net.gradients(x, targets, LOSS), rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(replicas.grads, net.grads, rtol=1e-9, atol=1e-13)
    for before, layer in zip(running, [la for la in net.layers if la.buffers], strict=True):
        for name, buffer in layer.buffers.items():
            np.testing.assert_allclose(before[name], buffer, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("options", [{}, {"batch_norm": True, "pooling": "average"}])
def test_a_convnet_takes_a_batch_with_empty_parts(options, rng):
    net = convnet((4, 4, 1), (2, 3), (4,), 3, rng=rng, dtype=np.float64, **options)
    x, targets = rng.standard_normal((1, 16)), np.ones((1, 3))
    with Replicas(net, 2) as replicas:
        replicas.gradients(np.tile(x, (4, 1)), np.tile(targets, (4, 1)), LOSS)
        replicas.gradients(x, targets, LOSS)
        net.gradients(x, targets, LOSS)
        np.testing.assert_allclose(replicas.grads, net.grads, rtol=1e-9, atol=1e-13)


@pytest.mark.slow(reason="starts processes")
@pytest.mark.parametrize("batch_norm", [False, True])
def test_results_do_not_depend_on_which_process_is_first(batch_norm, batch, rng, monkeypatch):
    net = perceptron((6, 5, 3), rng=rng, batch_norm=batch_norm, dropout=0.5)
    x, targets = (part.astype(np.float32) for part in batch)

    def gradients(slow):
        draws = np.random.default_rng(3)
        for layer in net.layers:
            if hasattr(layer, "_rng"):
                layer._rng = draws
        with Replicas(net, 3) as replicas:
            late = replicas.networks[slow]
            forward = late.forward
            monkeypatch.setattr(
                late, "forward", lambda *a, **k: (time.sleep(0.05), forward(*a, **k))[1]
            )
            replicas.gradients(x, targets, LOSS)
            return replicas.grads.copy()

    first = gradients(slow=0)
    for slow in (1, 2):
        np.testing.assert_array_equal(first, gradients(slow))


def test_replicas_share_parameters_and_nothing_else(batch, rng):
    net = perceptron((6, 5, 3), rng=rng, dropout=0.5, dtype=np.float64)
    x, _ = batch
    with Replicas(net, 2) as replicas:
        for replica in replicas.networks:
            assert replica.params is net.params
            assert not np.shares_memory(replica.grads, net.grads)
            assert all(
                np.shares_memory(g, replica.grads) for la in replica.layers for g in la.grads
            )
        first, second = (r.forward(x, training=True).copy() for r in replicas.networks)
    assert (first != second).any()  # each drops units of its own


def test_children_see_the_optimizers_steps(batch, rng):
    net = perceptron((6, 5, 3), rng=rng, dtype=np.float64)
    with Replicas(net, 2) as replicas:
        replicas.gradients(*batch, LOSS)
        net.params *= 2
        logits = replicas.gradients(*batch, LOSS)
    np.testing.assert_allclose(logits, net.forward(batch[0], training=False), rtol=1e-10)


@pytest.mark.slow(reason="starts processes")
@pytest.mark.parametrize("index", [0, 1, 2])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_an_error_in_one_part_ends_the_others(index, batch_norm, batch, rng, monkeypatch):
    net = perceptron((6, 5, 3), rng=rng, batch_norm=batch_norm, dtype=np.float64)

    def fail(*args, **options):
        raise RuntimeError("broken")

    with Replicas(net, 3) as replicas:
        monkeypatch.setattr(replicas.networks[index], "forward", fail)
        with pytest.raises(RuntimeError, match="broken"):
            replicas.gradients(*batch, LOSS)
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("batch_norm", [False, True])
def test_a_killed_process(batch_norm, batch, rng):
    net = perceptron((6, 5, 3), rng=rng, batch_norm=batch_norm, dtype=np.float64)
    with Replicas(net, 2) as replicas:
        replicas.gradients(*batch, LOSS)
        (child,) = multiprocessing.active_children()
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        with pytest.raises(MemoryError, match="was killed while it trained"):
            replicas.gradients(*batch, LOSS)


WAITING = """
import os, time
import numpy as np
from pipeline.nn.losses import BinaryCrossEntropy
from pipeline.nn.network import perceptron
from pipeline.nn.replicas import Replicas

net = perceptron((6, 5, 3), rng=np.random.default_rng(0), dtype=np.float64)
with Replicas(net, 4) as replicas:
    replicas.gradients(np.ones((8, 6)), np.ones((8, 3)), BinaryCrossEntropy())
    os.write(1, b"x")
    time.sleep(60)
"""


def test_replicas_end_when_their_parent_is_killed():
    """Each holds standard output open."""
    with subprocess.Popen([sys.executable, "-c", WAITING], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.read(1) == b"x"
        parent.kill()
        parent.communicate(timeout=5)

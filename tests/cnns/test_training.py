"""The training loop: against plain torch, from checkpoints, with several labels, to a halt."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal, get_args

import numpy as np
import pytest
import safetensors.torch
import torch
from pydantic import Field
from torch import nn
from torch.nn import functional as F  # noqa: N812

from pipeline.cnns.checkpoints import Checkpoint
from pipeline.cnns.inputs import Pictures
from pipeline.cnns.network import make_network
from pipeline.cnns.optimization import class_weights, set_output_bias
from pipeline.cnns.params import CnnRun
from pipeline.cnns.schedules import Schedule, ScheduleSection
from pipeline.cnns.training import Phase, Trainer, phases
from pipeline.compute.distributed import World

CPU = torch.device("cpu")
OPTIONS = {
    "architecture": "cnn_cifar", "optimizer": "sgd", "learning_rate": 0.05, "weight_decay": 0.001,
    "schedule": {"kind": "constant"}, "batch_size": 16, "epochs": 3, "augment": {},
    "standardize": "set", "balance": "none", "ema": "none", "patience": "none",
    "precision": "float32", "device": "cpu", "threshold": 0.5, "repeats": 1, "seed": 0,
}  # fmt: skip


def options(**changes):
    return CnnRun.model_validate({**OPTIONS, **changes})


def pictures(count, *, seed, classes=3, several=False):
    """Dark, middling and bright pictures; with several labels, any of three bright corners."""
    rng = np.random.default_rng(seed)
    if several:
        targets = rng.integers(2, size=(count, classes), dtype=np.int8)
        pixels = rng.integers(60, size=(count, 8, 8, 3), dtype=np.uint8)
        for corner, (i, j) in enumerate([(0, 0), (0, 5), (5, 0)]):
            pixels[:, i : i + 3, j : j + 3] += 150 * targets[:, corner, None, None, None].view(
                np.uint8
            )
    else:
        y = rng.integers(classes, size=count)
        targets = np.eye(classes, dtype=np.int8)[y]
        level = (60 + 60 * y)[:, None, None, None]
        pixels = (level + rng.integers(-50, 50, (count, 8, 8, 3))).clip(0, 255).astype(np.uint8)
    return Pictures(pixels, np.arange(count), targets)


def network(*, seed=0, dropout=0.0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(),
            nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(dropout), nn.Linear(64, 3),
        )  # fmt: skip


def trainer(params, *, net=None, multilabel=False, seed=0):
    net = net or network()
    phases = [Phase(params.epochs, params.learning_rate, list(net.parameters()))]
    return Trainer(
        net, params, phases, multilabel=multilabel, seed=seed, device=CPU, dtype=torch.float32,
        world=World(),
    )  # fmt: skip


@pytest.fixture
def checkpoint(tmp_path):
    return Checkpoint(tmp_path / "run.safetensors", "digest")


def fitted(params, checkpoint, **given):
    made = trainer(params, **given)
    list(made.fit(pictures(50, seed=1), pictures(20, seed=2), checkpoint=checkpoint))
    return made


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_it_is_the_plain_loop(optimizer, checkpoint):
    """The same steps in the same order by hand, on the same batches."""
    params = options(optimizer=optimizer, learning_rate=0.01)
    made = trainer(params)
    training = pictures(50, seed=1)
    order = []
    own = made._epoch_order
    made._epoch_order = lambda: order.append(own()) or order[-1]
    rows = list(made.fit(training, pictures(20, seed=2), checkpoint=checkpoint))
    plain = network().train()
    kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[optimizer]
    more = {"momentum": 0.9, "nesterov": True} if optimizer == "sgd" else {}
    steps = kind(plain.parameters(), lr=0.01, weight_decay=0.001, **more)
    x = torch.from_numpy(training.pixels).permute(0, 3, 1, 2) / 255
    y = torch.from_numpy(training.targets.argmax(1))
    for row, epoch in zip(rows, order, strict=True):
        losses, hits = [], 0
        for batch in epoch.split(16):
            logits = plain(x[batch])
            loss = F.cross_entropy(logits, y[batch])
            steps.zero_grad()
            loss.backward()
            steps.step()
            losses.append(loss.item() * len(batch))
            hits += (logits.argmax(1) == y[batch]).sum().item()
        assert sorted(epoch.tolist()) == list(range(50))
        assert row.loss == pytest.approx(sum(losses) / 50, rel=1e-5)
        assert row.accuracy == pytest.approx(hits / 50)
    for name, tensor in plain.state_dict().items():
        torch.testing.assert_close(made.network.state_dict()[name], tensor, rtol=1e-4, atol=1e-5)


class HalvingSchedule(ScheduleSection):
    kind: Literal["halving"]

    def rate(self, base, time, epochs):
        return base / 2 ** int(time)


class ExtendedRun(CnnRun):
    schedule: Annotated[get_args(Schedule)[0] | HalvingSchedule, Field(discriminator="kind")]


def test_a_new_schedule_is_a_class_and_its_place_in_the_union(checkpoint, monkeypatch):
    rates = []
    step = torch.optim.SGD.step

    def noted(self, *given):
        rates.append(self.param_groups[0]["lr"])
        return step(self, *given)

    monkeypatch.setattr(torch.optim.SGD, "step", noted)
    schedule = {"kind": "halving", "warmup": 0.5}
    fitted(ExtendedRun.model_validate({**OPTIONS, "schedule": schedule}), checkpoint)
    assert rates == pytest.approx([0, 0.025, 0.05, 0.05] + [0.025] * 4 + [0.0125] * 4)


EVERYTHING = {
    "augment": {"flip": True, "crop": 1, "jitter": 0.2, "mixup": 0.4, "pca_colour": 0.1},
    "ema": 0.9, "balance": "sampling", "label_smoothing": 0.1, "optimizer": "adamw",
    "learning_rate": 0.01, "schedule": {"kind": "one_cycle"}, "epochs": 4,
}  # fmt: skip


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_a_training_that_was_stopped_ends_as_if_it_had_not_been(stop, tmp_path):
    params = options(**EVERYTHING)
    whole = fitted(params, Checkpoint(tmp_path / "whole", "d"), net=network(dropout=0.3))
    saved = Checkpoint(tmp_path / "stopped", "d")
    epochs = trainer(params, net=network(dropout=0.3)).fit(
        pictures(50, seed=1), pictures(20, seed=2), checkpoint=saved
    )
    for _ in range(stop):
        next(epochs)
    again = fitted(params, saved, net=network(seed=9, dropout=0.3))
    assert [asdict(row) for row in again.progress.history] == [
        asdict(row) for row in whole.progress.history
    ]
    for name, tensor in whole.evaluated.state_dict().items():
        assert torch.equal(again.evaluated.state_dict()[name], tensor), name


def test_the_same_seed_gives_the_same_network(tmp_path):
    first, second, other = (
        fitted(options(**EVERYTHING), Checkpoint(tmp_path / str(i), "d"), seed=seed)
        for i, seed in enumerate((0, 0, 1))
    )
    for name, tensor in first.network.state_dict().items():
        assert torch.equal(tensor, second.network.state_dict()[name])
    assert not torch.equal(first.network[0].weight, other.network[0].weight)


def test_another_training_does_not_go_on_from_it(checkpoint):
    fitted(options(), checkpoint)
    assert Checkpoint(checkpoint.path, "digest").load() is not None
    assert Checkpoint(checkpoint.path, "another").load() is None
    checkpoint.path.write_bytes(b"damaged")
    assert checkpoint.load() is None


def test_one_bit_of_a_checkpoint_flipped_anywhere(checkpoint):
    tensors = {
        "a": torch.zeros(2, 3, dtype=torch.bfloat16),
        "b": torch.tensor(7),
        "c": torch.ones(0),
    }
    stored = {"epoch": 3, "curve": [0.5, 0.25]}
    checkpoint.save(tensors, stored)
    whole = checkpoint.path.read_bytes()
    for place in range(len(whole)):
        changed = bytes([whole[place] ^ 4])
        checkpoint.path.write_bytes(whole[:place] + changed + whole[place + 1 :])
        found = checkpoint.load()  # where the change means nothing, such as a space, the same
        if found is not None:
            assert found[1] == stored
            assert found[0].keys() == tensors.keys()
            assert all(torch.equal(found[0][name], tensors[name]) for name in tensors)


def test_a_checkpoint_of_another_form_is_none(checkpoint):
    safetensors.torch.save_file(
        {"a": torch.zeros(1)}, checkpoint.path, metadata={"digest": "digest"}
    )
    assert checkpoint.load() is None


def test_it_learns_one_label(checkpoint):
    made = fitted(options(epochs=40, learning_rate=0.01, schedule={"kind": "cosine"}), checkpoint)
    test = pictures(60, seed=3)
    scores = made.scores(test)
    np.testing.assert_allclose(scores.sum(1), 1, rtol=1e-5)
    assert (scores.argmax(1) == test.targets.argmax(1)).mean() > 0.9
    assert made.progress.history[-1].validation_accuracy > 0.9


def test_it_learns_several_labels(checkpoint):
    made = trainer(options(epochs=25, learning_rate=0.1), multilabel=True)
    training, validation, test = (pictures(n, seed=n, several=True) for n in (100, 20, 60))
    list(made.fit(training, validation, checkpoint=checkpoint))
    assert ((made.scores(test) > 0.5) == test.targets).mean() > 0.95


def test_class_weights_by_hand():
    targets = np.array([[1, 0, 0], [1, 0, 0], [1, 0, 0], [0, 1, 0]], np.int8)
    torch.testing.assert_close(class_weights(targets), torch.tensor([4 / 9, 4 / 3, 0.0]))


def test_weights_enter_the_loss(checkpoint):
    made = fitted(options(balance="weights", epochs=1), checkpoint)
    made._weights = torch.tensor([1.0, 2.0, 3.0])
    logits, targets = torch.randn(4, 3), torch.eye(3)[[0, 1, 2, 2]]
    losses = -(targets * logits.log_softmax(1)).sum(1) * torch.tensor([1.0, 2.0, 3.0, 3.0])
    torch.testing.assert_close(made._loss(logits, targets), losses.mean())


def test_sampling_draws_each_class_as_often(checkpoint):
    made = trainer(options(balance="sampling", epochs=1))
    rare = np.array([0] * 900 + [1] * 90 + [2] * 10)
    training = Pictures(
        np.zeros((1000, 8, 8, 3), np.uint8), np.arange(1000), np.eye(3, dtype=np.int8)[rare]
    )
    list(made.fit(training, pictures(5, seed=0), checkpoint=checkpoint))
    drawn = np.bincount(rare[torch.cat([made._epoch_order() for _ in range(10)]).numpy()])
    np.testing.assert_allclose(drawn / drawn.sum(), 1 / 3, atol=0.02)


@pytest.mark.parametrize("multilabel", [False, True])
def test_output_biases_give_the_frequencies(multilabel):
    net = network()
    targets = np.array([[1, 0, 0]] * 6 + [[0, 1, 0]] * 3 + [[0, 0, 1]], np.int8)
    set_output_bias(net, targets, multilabel=multilabel)
    bias = net[-1].bias.detach()
    found = bias.sigmoid() if multilabel else bias.softmax(0)
    torch.testing.assert_close(found, torch.tensor([0.6, 0.3, 0.1]))


def test_output_biases_need_a_bias(refused):
    bare = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 3, bias=False))
    with refused("output_bias is frequencies", "no bias", "output_bias: zero"):
        set_output_bias(bare, np.eye(3, dtype=np.int8), multilabel=False)


def test_patience_ends_early_with_the_best_network(checkpoint):
    made = trainer(options(epochs=30, patience=3))
    validation = pictures(20, seed=2)
    rows = list(made.fit(pictures(50, seed=1), validation, checkpoint=checkpoint))
    accuracies = [row.validation_accuracy for row in rows]
    best = int(np.argmax(accuracies))
    assert len(rows) == best + 1 + 3 < 30
    scores = made.scores(validation)
    assert (scores.argmax(1) == validation.targets.argmax(1)).mean() == max(accuracies)


def test_a_moving_average_is_what_is_scored(checkpoint):
    made = fitted(options(ema=0.9), checkpoint)
    assert made.evaluated is not made.network
    assert not torch.equal(made.evaluated[0].weight, made.network[0].weight)


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_checkpoint(checkpoint):
    made = trainer(options(epochs=5))
    epochs = made.fit(pictures(50, seed=1), pictures(20, seed=2), checkpoint=checkpoint)
    next(epochs)
    with torch.no_grad():
        made.network[0].weight.fill_(float("nan"))
    with pytest.raises(
        FloatingPointError, match=r"diverged in epoch 2, learning_rate 0.05, its loss is nan"
    ):
        next(epochs)
    _, stored = checkpoint.load()
    assert len(stored["history"]) == 1


def test_a_loss_that_runs_away_stops(checkpoint):
    made = trainer(options(epochs=5))
    epochs = made.fit(pictures(50, seed=1), pictures(20, seed=2), checkpoint=checkpoint)
    next(epochs)
    with torch.no_grad():
        for parameter in made.network.parameters():
            parameter.mul_(1e8)
    with pytest.raises(FloatingPointError, match=r"diverged in epoch 2, .*its loss is \d"):
        next(epochs)


def test_phases_train_their_own_parameters(checkpoint):
    params, net = options(epochs=2), network()
    phases = [
        Phase(1, 0.1, list(net[-1].parameters())),
        Phase(1, 0.1, [*net[0].parameters(), *net[-1].parameters()]),
    ]
    made = Trainer(
        net, params, phases, multilabel=False, seed=0, device=CPU, dtype=torch.float32,
        world=World(),
    )  # fmt: skip
    before = net[0].weight.clone(), net[-1].weight.clone()
    epochs = made.fit(pictures(50, seed=1), pictures(20, seed=2), checkpoint=checkpoint)
    next(epochs)
    assert torch.equal(net[0].weight, before[0])
    assert not torch.equal(net[-1].weight, before[1])
    next(epochs)
    assert not torch.equal(net[0].weight, before[0])


def transfer(tmp_path, *, layers):
    """A run whose transfer has so many layers of its trunk trained, and its network."""
    finetune = {"layers": layers, "epochs": 2, "learning_rate": 0.001}
    architecture = {"backbone": "resnet18", "weights": "random", "finetune": finetune}
    params = options(architecture=architecture)
    made, _ = make_network(params, pictures(4, seed=0), seed=0, pretrained_dir=tmp_path)
    return params, made


def test_a_transfer_trains_its_head_then_the_last_layers_of_its_trunk(tmp_path):
    params, made = transfer(tmp_path, layers=3)
    head, last = phases(params, made)
    assert [p.shape for p in head.params] == [(3, 512), (3,)]
    assert (head.epochs, head.learning_rate) == (params.epochs, params.learning_rate)
    assert (last.epochs, last.learning_rate) == (2, 0.001)
    block = made[1].trunk.layer4[1]
    assert {id(p) for p in last.params} == {
        id(p)
        for layer in (block.bn1, block.conv2, block.bn2, made[1].head)
        for p in layer.parameters()
    }


def test_more_layers_than_the_trunk_has(tmp_path, refused):
    with refused("finetune.layers is 1000", "the trunk has"):
        phases(*transfer(tmp_path, layers=1000))

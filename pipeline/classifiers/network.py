"""What classifiers of networks share: epochs, history."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits

from pipeline.classifiers.estimator import Classifier, Samples
from pipeline.compute.parallel import FORKS, cores
from pipeline.measure.accuracy import Epoch, diverged, hit_at_1
from pipeline.nn.layers import Array
from pipeline.nn.losses import Loss
from pipeline.nn.network import Network, minibatches, perceptron, train_epoch
from pipeline.nn.optimizers import SGD, Optimizer
from pipeline.nn.replicas import Replicas

# So many products of values with weights in a forward pass of a batch are worth processes. The SNN
# of 185,000 weights with batches of 32 has a sixth of it.
SHARED = 2**25


class NetworkClassifier(Classifier):
    """What classifiers of networks share; a subclass says what is trained on which targets.

    Parameters
    ----------
    hidden : units of the hidden layers, ReLU after each.
    dropout : share of the hidden units dropped in training, in [0, 1).
    learning_rate : step size of the optimizer.
    batch_size : samples per step.
    epochs : passes over the data, for an ensemble of each member.
    clip : gradients of the weights are limited to ± this; None: no limit.
    init : "normal" (N(0, 0.01²)), "xavier" or "he": see `initialization`.
    random_state : anything `numpy.random.default_rng` takes; the same int gives the same bits (of a
        large network on as many cores).

    The attributes are those of `Classifier`. A large network is trained by one process per core,
    each with a part of every batch; a small one by one, for its products are too small to be worth
    more.
    """

    hidden: Sequence[int]
    dropout: float
    learning_rate: float
    batch_size: int
    epochs: int
    clip: float | None
    init: str
    random_state: int | Generator | None

    def predict_proba(self, X: ArrayLike) -> Array:
        """X (N, n_features) -> (N, C); rows sum to 1 unless `multilabel_`."""
        with _one_blas_thread():
            return super().predict_proba(X)

    def _learn(self, samples: Sequence[Samples]) -> None:
        rng = np.random.default_rng(self.random_state)
        # NumPy need not warn of overflow: `_record` raises.
        with _one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
            self._fit_networks(samples, rng)

    @abstractmethod
    def _fit_networks(self, samples: Sequence[Samples], rng: Generator) -> None:
        """Train on `samples[0]`; `samples[1]`, if there, is for validation."""

    def _optimizer(self, params: Array) -> Optimizer:
        return SGD(params, self.learning_rate)

    def _rate(self, epoch: int) -> float:
        """The learning rate of an epoch, counted from 0."""
        return self.learning_rate

    def _processes(self, network: Network) -> int:
        """For how many processes a batch is work enough."""
        return cores() if FORKS and self._products(network) >= SHARED else 1

    def _products(self, network: Network) -> int:
        """Of values with weights in a forward pass of a batch."""
        return self.batch_size * network.params.size

    def _network(self, rng: Generator) -> Network:
        return perceptron(
            (self.n_features_in_, *self.hidden, len(self.classes_)),
            rng=rng,
            init=self.init,
            dropout=self.dropout,
            dtype=self._dtype,
        )

    def _restored(self, state: Mapping[str, Array], prefix: str = "") -> Network:
        """The network whose arrays stand in `state` behind `prefix`."""
        own = {k.removeprefix(prefix): a for k, a in state.items() if k.startswith(prefix)}
        self.n_features_in_ = self._take_n_features(own)
        self._dtype = np.result_type(*own.values())
        network = self._network(np.random.default_rng(0))
        network.load_state_dict(own)
        return network

    def _take_n_features(self, state: dict[str, Array]) -> int:
        """What the state of a network says; leaves there what the network itself has."""
        if "layers.0.weight" not in state:
            raise ValueError(f"layers.0.weight is missing in the state: {sorted(state)}")
        return len(state["layers.0.weight"])

    def _epochs(
        self, network: Network, data: Samples, loss: Loss, rng: Generator
    ) -> Iterator[float]:
        """Train `network` on `data`, yielding the mean loss after each epoch."""
        processes = self._processes(network)
        with Replicas(network, processes) if processes > 1 else nullcontext(network) as trained:
            optimizer = self._optimizer(network.params)
            for epoch in range(self.epochs):
                optimizer.learning_rate = self._rate(epoch)
                with self._timed(processes):
                    batches = minibatches(*data, batch_size=self.batch_size, rng=rng)
                    mean = train_epoch(
                        trained, batches, loss=loss, optimizer=optimizer, clip=self.clip
                    )
                yield mean

    def _record(
        self, loss: float, samples: Sequence[Samples], scores: Sequence[Array], *, member: int = 1
    ) -> Epoch:
        """Add a row to `history_`; `scores` (N, C) are parallel to `samples`."""
        epoch = len(self.history_) + 1
        losses = [*(row.loss for row in self.history_), loss]
        if diverged(losses) or not all(np.isfinite(s).all() for s in scores):
            raise FloatingPointError(
                f"training diverged in epoch {epoch}, learning_rate {self.learning_rate!r}, "
                f"its loss is {loss:.3g}: lower learning_rate, normalize the inputs or set clip"
            )
        hits = [hit_at_1(s, data.targets) for s, data in zip(scores, samples, strict=True)]
        row = Epoch(epoch, loss, hits[0], hits[1] if len(hits) == 2 else None, member)
        self.history_.append(row)
        return row


def _one_blas_thread() -> Any:
    return threadpool_limits(limits=1, user_api="blas")

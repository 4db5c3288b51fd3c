"""What the classifiers share: data, epochs, history, state, scikit-learn's conventions."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from time import perf_counter, thread_time
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, DTypeLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

from pipeline.nn.convnet import POOLS
from pipeline.nn.initialization import DEVIATIONS
from pipeline.nn.layers import Array
from pipeline.nn.losses import Loss
from pipeline.nn.network import Network, minibatches, perceptron, train_epoch
from pipeline.nn.optimizers import SGD, Optimizer
from pipeline.nn.replicas import Replicas
from pipeline.nn.schedules import SCHEDULES
from pipeline.parallel import cores

# So many products of values with weights in a forward pass of a batch are worth threads. The SNN of
# 185,000 weights with batches of 32 has a sixth of it.
THREADED = 2**25
THRESHOLD = 0.5  # `predict` gives a sample each label above it, where there may be several

# What a constructor parameter must be: `fit` checks, as scikit-learn's conventions ask.
BOUNDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "hidden": (lambda v: all(units >= 1 for units in v), "layer sizes of at least 1"),
    "dropout": (lambda v: 0 <= v < 1, "in [0, 1)"),
    "learning_rate": (lambda v: v > 0, "above 0"),
    "batch_size": (lambda v: v >= 1, "at least 1"),
    "epochs": (lambda v: v >= 1, "at least 1"),
    "clip": (lambda v: v is None or v > 0, "above 0 or None"),
    "init": (lambda v: v in DEVIATIONS, f"one of {', '.join(DEVIATIONS)}"),
    "optimizer": (lambda v: v in ("sgd", "adam"), "one of sgd, adam"),
    "momentum": (lambda v: 0 <= v < 1, "in [0, 1)"),
    "weight_decay": (lambda v: v >= 0, "0 or above"),
    "schedule": (lambda v: v in SCHEDULES, f"one of {', '.join(SCHEDULES)}"),
    "decay": (lambda v: 0 < v <= 1, "in (0, 1]"),
    "decay_epochs": (lambda v: v >= 1, "at least 1"),
    "filters": (
        lambda v: len(v) >= 1 and all(channels >= 1 for channels in v),
        "one or more numbers of at least 1",
    ),
    "image_shape": (
        lambda v: v is None or (len(v) == 3 and all(size >= 1 for size in v)),
        "None or (H, W, C), each at least 1",
    ),
    "pooling": (lambda v: v in POOLS, f"one of {', '.join(POOLS)}"),
    "shift": (lambda v: v >= 0, "0 or above"),
    "patience": (lambda v: v is None or v >= 1, "at least 1 or None"),
    "members": (lambda v: v >= 1, "at least 1"),
    "tolerance": (lambda v: v >= 0, "0 or above"),
}


@dataclass(frozen=True)
class Epoch:
    """One row of a training history.

    `loss` is the mean over the epoch, each batch's before its step. The accuracies are hit@1 after
    the epoch: the share of samples whose top-scoring class is (one of) the true one(s).
    """

    epoch: int  # from 1, counting on through the members of an ensemble
    loss: float
    accuracy: float
    validation_accuracy: float | None  # None without validation data
    member: int = 1


class Samples(NamedTuple):
    x: Array  # (N, n_features)
    targets: Array  # (N, C)


class NetworkClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """What the classifiers share; a subclass says what is trained on which targets.

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

    Attributes
    ----------
    classes_ : (C,) labels in the order of the columns; 0 … C - 1 for indicator targets.
    multilabel_ : whether `fit` got indicator targets.
    history_ : one `Epoch` per epoch.
    seconds_ : time spent in training, without the scoring for `history_`: processor time where one
        thread trains, which does not depend on what else runs, otherwise that of the clock.
    n_features_in_ : number of features.

    Networks compute in the dtype of X: float32 and float64 stay, anything else becomes float32.
    A large network is trained by one thread per core, each with a part of every batch; a small one
    by one thread, for its products are too small to be worth more.
    """

    hidden: Sequence[int]
    dropout: float
    learning_rate: float
    batch_size: int
    epochs: int
    clip: float | None
    init: str
    random_state: int | Generator | None

    n_features_in_: int

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        validation: tuple[ArrayLike, ArrayLike] | None = None,
    ) -> Self:
        """Train on X (N, n_features) and y: (N,) class labels or an (N, C) indicator of 0 and 1.

        `validation` is another (X, y), scored for `history_`; labels that y lacks are misses.
        Raises `ValueError` for parameters and data outside their bounds, `FloatingPointError` where
        training diverges.
        """
        self._check_bounds()
        x, labels = validate_data(self, X, y, dtype=(np.float32, np.float64), multi_output=True)
        check_classification_targets(labels)
        self._dtype: DTypeLike = x.dtype
        self.multilabel_ = labels.ndim == 2 and labels.shape[1] > 1
        if self.multilabel_:
            self.classes_ = np.arange(labels.shape[1])
        else:
            self.classes_ = np.unique(column_or_1d(labels, warn=True))
        samples = [Samples(x, self._targets(labels))]
        if validation is not None:
            x, labels = validate_data(
                self, *validation, reset=False, dtype=self._dtype, multi_output=True
            )
            samples.append(Samples(x, self._targets(labels)))
        self.history_: list[Epoch] = []
        self.seconds_ = 0.0
        rng = np.random.default_rng(self.random_state)
        # NumPy need not warn of overflow: `_record` raises.
        with _one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
            self._fit_networks(samples, rng)
        return self

    def predict_proba(self, X: ArrayLike) -> Array:
        """X (N, n_features) -> (N, C); rows sum to 1 unless `multilabel_`."""
        check_is_fitted(self)
        x = validate_data(self, X, reset=False, dtype=self._dtype)
        with _one_blas_thread():
            return self._probabilities(x)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """X (N, n_features) -> (N,) class labels, or the (N, C) indicator of p > 0.5."""
        probabilities = self.predict_proba(X)
        if self.multilabel_:
            return (probabilities > THRESHOLD).astype(np.int64)
        labels: NDArray[Any] = self.classes_[probabilities.argmax(axis=1)]
        return labels

    @abstractmethod
    def state_dict(self) -> dict[str, Array]:
        """Copies of the learned arrays by flat names, for `load_state_dict`."""

    def load_state_dict(
        self, state: Mapping[str, Array], *, classes: ArrayLike, multilabel: bool
    ) -> Self:
        """Become the fitted estimator that had this `state_dict()`, `classes_` and `multilabel_`.

        The parameters must be those of that estimator: `ValueError` where names or shapes differ.
        """
        self.classes_ = np.asarray(classes)
        self.multilabel_ = multilabel
        self._load_networks(state)
        return self

    @abstractmethod
    def _fit_networks(self, samples: Sequence[Samples], rng: Generator) -> None:
        """Train on `samples[0]`; `samples[1]`, if there, is for validation."""

    @abstractmethod
    def _load_networks(self, state: Mapping[str, Array]) -> None:
        """Set the networks that `_fit_networks` sets."""

    @abstractmethod
    def _probabilities(self, x: Array) -> Array:
        """(N, n_features) -> (N, C)."""

    def _optimizer(self, params: Array) -> Optimizer:
        return SGD(params, self.learning_rate)

    def _rate(self, epoch: int) -> float:
        """The learning rate of an epoch, counted from 0."""
        return self.learning_rate

    def _threads(self, network: Network) -> int:
        """For how many threads a batch is work enough."""
        return cores() if self.batch_size * network.params.size >= THREADED else 1

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
        optimizer = self._optimizer(network.params)
        threads = self._threads(network)
        with Replicas(network, threads) if threads > 1 else nullcontext(network) as trained:
            for epoch in range(self.epochs):
                optimizer.learning_rate = self._rate(epoch)
                with self._timed(threads):
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
        if not (math.isfinite(loss) and all(np.isfinite(s).all() for s in scores)):
            raise FloatingPointError(
                f"training diverged in epoch {epoch}, learning_rate {self.learning_rate!r}: "
                "lower learning_rate, standardize the features or set clip"
            )
        hits = [hit_at_1(s, data.targets) for s, data in zip(scores, samples, strict=True)]
        row = Epoch(epoch, loss, hits[0], hits[1] if len(hits) == 2 else None, member)
        self.history_.append(row)
        return row

    @contextmanager
    def _timed(self, threads: int = 1) -> Iterator[None]:
        clock = thread_time if threads == 1 else perf_counter
        start = clock()
        yield
        self.seconds_ += clock() - start

    def _targets(self, y: NDArray[Any]) -> Array:
        """(N,) labels, or an (N, C) indicator where `multilabel_`, -> (N, C) of 0 and 1."""
        if not self.multilabel_:
            return np.asarray(column_or_1d(y)[:, np.newaxis] == self.classes_, self._dtype)
        n_labels = len(self.classes_)
        if y.shape[1:] != (n_labels,) or not np.isin(y, (0, 1)).all():
            raise ValueError(
                f"y must be a dense (N, {n_labels}) indicator of 0 and 1, one column per label, "
                f"got shape {y.shape} with the values {np.unique(y)[:5]}"
            )
        return y.astype(self._dtype)

    def _check_bounds(self) -> None:
        for name, value in self.get_params().items():
            if name in BOUNDS and not BOUNDS[name][0](value):
                raise ValueError(f"{name} must be {BOUNDS[name][1]}, got {value!r}")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def hit_at_1(scores: Array, targets: NDArray[Any]) -> float:
    """Share of rows whose highest score stands where `targets` has a 1."""
    return float(targets[np.arange(len(targets)), scores.argmax(axis=1)].mean())


def _one_blas_thread() -> Any:
    return threadpool_limits(limits=1, user_api="blas")

"""A network: layers in sequence, and one epoch of its training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import DTypeLike

from pipeline.compute.parallel import forked_map
from pipeline.nn.layers import Array, Dense, Dropout, Layer, ReLU
from pipeline.nn.losses import Loss
from pipeline.nn.normalization import BatchNorm
from pipeline.nn.optimizers import Optimizer, clip_

PREDICT_ROWS = 128  # activations of so many rows stay small whatever N


class Network:
    """x -> layers[-1](… layers[0](x)).

    `params` and `grads` are two vectors (P,) that hold those of all layers, in order; those of a
    layer become views of them.
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = list(layers)
        arrays = [p for layer in self.layers for p in layer.params]
        self.use_params(np.concatenate([p.ravel() for p in arrays]))
        self.use_grads(np.zeros_like(self.params))

    def forward(self, x: Array, *, training: bool) -> Array:
        """x (N, n_in) -> logits (N, n_out)."""
        for layer in self.layers:
            x = layer.forward(x, training=training)
        return x

    def backward(self, grad: Array) -> None:
        """dL/dlogits (N, n_out) -> `grads`. Follows a `forward` in training."""
        first = next(index for index, layer in enumerate(self.layers) if layer.params)
        for layer in reversed(self.layers[first + 1 :]):
            grad = layer.backward(grad)
        self.layers[first].backward_params(grad)

    def gradients(self, x: Array, targets: Array, loss: Loss, *, batch: int | None = None) -> Array:
        """Fill `grads` with those of the loss of a batch; returns a copy of the logits.

        batch: how many samples the whole batch has, where x is a part of it.
        """
        logits = self.forward(x, training=True)
        grad = loss.grad(logits, targets)
        if batch is not None:
            grad *= len(x) / batch
        logits = logits.copy()
        self.backward(grad)
        return logits

    def predict(self, x: Array, *, processes: int = 1) -> Array:
        """x (N, n_in) -> logits (N, n_out) as in evaluation, in blocks of rows."""

        def evaluate(start: int) -> Array:
            return self.forward(x[start : start + PREDICT_ROWS], training=False)

        starts = range(0, len(x), PREDICT_ROWS)
        return np.concatenate(list(forked_map(evaluate, starts, processes=processes)))

    def replica(self) -> Network:
        """A network with the same `params` and its own `grads`, to be used beside this one."""
        twin = object.__new__(Network)
        twin.layers = [layer.replica() for layer in self.layers]
        twin.use_params(self.params)
        twin.use_grads(np.zeros_like(self.params))
        return twin

    def use_params(self, vector: Array) -> None:
        """Let the parameters be those in `vector` (P,)."""
        self.params = vector
        for layer, views in zip(self.layers, self._views(vector), strict=True):
            layer.params = views

    def use_grads(self, vector: Array) -> None:
        """Let the gradients be written to `vector` (P,)."""
        self.grads = vector
        for layer, views in zip(self.layers, self._views(vector), strict=True):
            layer.grads = views

    def __getstate__(self) -> dict[str, Any]:
        return {"layers": self.layers, "params": self.params}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.layers = state["layers"]
        self.use_params(state["params"])
        self.use_grads(np.zeros_like(self.params))

    def state_dict(self) -> dict[str, Array]:
        """Copies of parameters and buffers as `layers.INDEX.weight`, `layers.INDEX.bias`, …"""
        return {name: p.copy() for name, p in self._named().items()}

    def load_state_dict(self, state: Mapping[str, Array]) -> None:
        """Overwrite the arrays. `ValueError` where names or shapes are not this network's."""
        arrays = self._named()
        if arrays.keys() != state.keys():
            raise ValueError(f"the network has {sorted(arrays)}, the state has {sorted(state)}")
        for name, array in arrays.items():
            if array.shape != state[name].shape:
                raise ValueError(
                    f"{name} has shape {array.shape}, in the state {state[name].shape}"
                )
            array[...] = state[name]

    @property
    def weight_grads(self) -> list[Array]:
        """The gradients of weights, not of biases: views of `grads`."""
        return [g for layer in self.layers for g in layer.grads if g.ndim > 1]

    def _named(self) -> dict[str, Array]:
        return {
            f"layers.{index}.{name}": array
            for index, layer in enumerate(self.layers)
            for name, array in [
                *zip(("weight", "bias"), layer.params, strict=False),
                *layer.buffers.items(),
            ]
        }

    def _views(self, vector: Array) -> Iterator[tuple[Array, ...]]:
        """For each layer: arrays of the shapes of its parameters that lie in `vector`, in order."""
        start = 0
        for layer in self.layers:
            views = []
            for p in layer.params:
                views.append(vector[start : start + p.size].reshape(p.shape))
                start += p.size
            yield tuple(views)


def dense_layers(
    sizes: Sequence[int],
    *,
    rng: Generator,
    init: str = "he",
    batch_norm: bool = False,
    dropout: float = 0.0,
    dtype: DTypeLike = np.float32,
) -> list[Layer]:
    """Dense layers of `sizes` (n_in, hidden…, n_out), ReLU after each but the last.

    Before a ReLU batch normalisation, which makes the bias of its layer superfluous, after it
    dropout, where asked for.
    """
    layers: list[Layer] = []
    for n_in, n_out in pairwise(sizes[:-1]):
        layers.append(Dense(n_in, n_out, rng=rng, init=init, bias=not batch_norm, dtype=dtype))
        if batch_norm:
            layers.append(BatchNorm(n_out, dtype=dtype))
        layers.append(ReLU())
        if dropout:
            layers.append(Dropout(dropout, rng=rng))
    return [*layers, Dense(*sizes[-2:], rng=rng, init=init, dtype=dtype)]


def perceptron(sizes: Sequence[int], *, rng: Generator, **options: Any) -> Network:
    """The network of `dense_layers`, which see."""
    return Network(dense_layers(sizes, rng=rng, **options))


def minibatches(
    x: Array, targets: Array, *, batch_size: int, rng: Generator
) -> Iterator[tuple[Array, Array]]:
    """Each sample once, in random order, `batch_size` at a time (the last batch may be smaller)."""
    order = rng.permutation(len(x))
    for start in range(0, len(x), batch_size):
        rows = order[start : start + batch_size]
        yield x.take(rows, axis=0), targets.take(rows, axis=0)


class Differentiable(Protocol):
    """What `train_epoch` needs of a network or of its replicas."""

    @property
    def grads(self) -> Array: ...

    @property
    def weight_grads(self) -> list[Array]: ...

    def gradients(self, x: Array, targets: Array, loss: Loss) -> Array: ...


def train_epoch(
    network: Differentiable,
    batches: Iterable[tuple[Array, Array]],
    *,
    loss: Loss,
    optimizer: Optimizer,
    clip: float | None = None,
) -> float:
    """One optimizer step per batch; returns the mean loss, each batch's before its step.

    With `clip` the gradients of the weights are limited to ± `clip`; those of the biases are not.
    """
    seen_logits, seen_targets = [], []
    for x, targets in batches:
        logits = network.gradients(x, targets, loss)
        if clip is not None:
            clip_(network.weight_grads, clip)
        optimizer.step(network.grads)
        seen_logits.append(logits)
        seen_targets.append(targets)
    return loss(np.concatenate(seen_logits), np.concatenate(seen_targets))

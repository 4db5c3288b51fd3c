"""A network: layers in sequence, and one epoch of its training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.random import Generator
from numpy.typing import DTypeLike

from pipeline.nn.layers import Array, Dense, Dropout, Layer, ReLU
from pipeline.nn.losses import Loss
from pipeline.nn.optimizers import Optimizer, clip_

PREDICT_ROWS = 1024  # activations of so many rows stay small whatever N


class Network:
    """x -> layers[-1](… layers[0](x)). `params` and `grads` are those of the layers, in order."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = list(layers)
        self.params = [p for layer in layers for p in layer.params]
        self.grads = [g for layer in layers for g in layer.grads]

    def forward(self, x: Array, *, training: bool) -> Array:
        """x (N, n_in) -> logits (N, n_out)."""
        for layer in self.layers:
            x = layer.forward(x, training=training)
        return x

    def backward(self, grad: Array) -> None:
        """dL/dlogits (N, n_out) -> `grads`. Follows a `forward` in training."""
        for layer in reversed(self.layers[1:]):
            grad = layer.backward(grad)
        self.layers[0].backward_params(grad)

    def predict(self, x: Array) -> Array:
        """x (N, n_in) -> logits (N, n_out) as in evaluation, in blocks of rows."""
        starts = range(0, len(x), PREDICT_ROWS)
        return np.concatenate(
            [self.forward(x[start : start + PREDICT_ROWS], training=False) for start in starts]
        )

    def state_dict(self) -> dict[str, Array]:
        """Copies of the parameters as `layers.INDEX.weight` and `layers.INDEX.bias`."""
        return {name: p.copy() for name, p in self._named_params().items()}

    def load_state_dict(self, state: Mapping[str, Array]) -> None:
        """Overwrite the parameters. `ValueError` where names or shapes are not this network's."""
        params = self._named_params()
        if params.keys() != state.keys():
            raise ValueError(f"the network has {sorted(params)}, the state has {sorted(state)}")
        for name, p in params.items():
            if p.shape != state[name].shape:
                raise ValueError(f"{name} has shape {p.shape}, in the state {state[name].shape}")
            p[...] = state[name]

    def _named_params(self) -> dict[str, Array]:
        return {
            f"layers.{index}.{name}": p
            for index, layer in enumerate(self.layers)
            for name, p in zip(("weight", "bias"), layer.params, strict=False)
        }


def perceptron(
    sizes: Sequence[int],
    *,
    rng: Generator,
    weight_scale: float | None = None,
    dropout: float = 0.0,
    dtype: DTypeLike = np.float32,
) -> Network:
    """Dense layers of `sizes` (n_in, hidden…, n_out), ReLU and dropout after each but the last."""
    layers: list[Layer] = []
    for n_in, n_out in pairwise(sizes):
        layers += [Dense(n_in, n_out, rng=rng, scale=weight_scale, dtype=dtype), ReLU()]
        if dropout:
            layers.append(Dropout(dropout, rng=rng))
    return Network(layers[: -2 if dropout else -1])


def minibatches(
    x: Array, targets: Array, *, batch_size: int, rng: Generator
) -> Iterator[tuple[Array, Array]]:
    """Each sample once, in random order, `batch_size` at a time (the last batch may be smaller)."""
    order = rng.permutation(len(x))
    for start in range(0, len(x), batch_size):
        rows = order[start : start + batch_size]
        yield x[rows], targets[rows]


def train_epoch(
    network: Network,
    batches: Iterable[tuple[Array, Array]],
    *,
    loss: Loss,
    optimizer: Optimizer,
    clip: float | None = None,
) -> float:
    """One optimizer step per batch; returns the mean loss, each batch's before its step.

    With `clip` the gradients of the weights are limited to ± `clip`; those of the biases are not.
    """
    weight_grads = [g for g in network.grads if g.ndim > 1]
    seen_logits, seen_targets = [], []
    for x, targets in batches:
        logits = network.forward(x, training=True)
        network.backward(loss.grad(logits, targets))
        if clip is not None:
            clip_(weight_grads, clip)
        optimizer.step(network.grads)
        seen_logits.append(logits)
        seen_targets.append(targets)
    return loss(np.concatenate(seen_logits), np.concatenate(seen_targets))

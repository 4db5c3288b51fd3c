"""Networks trained one after another, each on what those before it left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.random import Generator
from sklearn.utils.validation import check_is_fitted

from pipeline.nn.estimator import NetworkClassifier, Samples
from pipeline.nn.layers import Array
from pipeline.nn.losses import BinaryCrossEntropy
from pipeline.nn.network import Network


class BoostedClassifier(NetworkClassifier):
    """Residual ensemble of multilayer perceptrons with sigmoid outputs, trained by SGD.

    With residuals r₁ = y (N, C), member k = 1 … `members` is a fresh network fₖ fitted to the
    targets rₖ by the gradient of binary cross-entropy; then

        s = rₖ - σ(fₖ(x)),  rₖ₊₁ = s / ‖s‖  (norm of each column over the samples)

    and no further member follows once every norm is below `tolerance`. The prediction is the mean
    of σ(fₖ(x)) over the members. Later residuals are small, so that the mean is low: thresholds for
    indicator targets are best chosen lower than the 0.5 of `predict`. Class labels are fitted
    one-vs-rest, and rows of `predict_proba` divided by their sum.

    The other parameters and attributes are those of `NetworkClassifier`.

    Parameters
    ----------
    members : the most networks to train.
    tolerance : bound of the residual norms.

    Attributes
    ----------
    members_ : the trained networks.
    residual_norms_ : (len(members_), C) float64, the norms of s after each member.
    """

    def __init__(
        self,
        hidden: Sequence[int] = (512, 256),
        *,
        members: int = 5,
        tolerance: float = 1e-3,
        dropout: float = 0.0,
        learning_rate: float = 0.01,
        batch_size: int = 32,
        epochs: int = 30,
        clip: float | None = 0.5,
        weight_scale: float | None = 0.01,
        random_state: int | Generator | None = None,
    ) -> None:
        self.hidden = hidden
        self.members = members
        self.tolerance = tolerance
        self.dropout = dropout
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.epochs = epochs
        self.clip = clip
        self.weight_scale = weight_scale
        self.random_state = random_state

    def state_dict(self) -> dict[str, Array]:
        """As of the members, each name behind `members.INDEX.`."""
        check_is_fitted(self)
        return {
            f"members.{index}.{name}": array
            for index, network in enumerate(self.members_)
            for name, array in network.state_dict().items()
        }

    def _fit_networks(self, samples: Sequence[Samples], rng: Generator) -> None:
        loss = BinaryCrossEntropy()
        x, targets = samples[0]
        residuals: Array = targets.astype(np.float64)
        scores = [np.zeros_like(data.targets) for data in samples]
        norms: list[Array] = []
        self.members_: list[Network] = []
        for member in range(1, self.members + 1):
            network = self._network(rng)
            before = scores  # sums over the members so far rank the classes as their means do
            for mean in self._epochs(network, Samples(x, residuals.astype(x.dtype)), loss, rng):
                scores = [
                    total + _outputs(network, data.x)
                    for total, data in zip(before, samples, strict=True)
                ]
                self._record(mean, samples, scores, member=member)
            with self._timed():
                residuals, norm = normalized_columns(residuals - _outputs(network, x))
            self.members_.append(network)
            norms.append(norm)
            if (norm < self.tolerance).all():
                break
        self.residual_norms_ = np.stack(norms)

    def _load_networks(self, state: Mapping[str, Array]) -> None:
        count = len({name.partition(".layers.")[0] for name in state})
        self.members_ = [self._restored(state, f"members.{k}.") for k in range(max(count, 1))]

    def _probabilities(self, x: Array) -> Array:
        p: Array = np.mean([_outputs(network, x) for network in self.members_], axis=0)
        if self.multilabel_:
            return p
        sums = p.sum(axis=1, keepdims=True)
        # All sigmoids of a row may underflow to 0: then no class is preferred.
        uniform = np.full_like(p, 1 / p.shape[1])
        normalized: Array = np.divide(p, sums, out=uniform, where=sums > 0)
        return normalized


def normalized_columns(s: Array) -> tuple[Array, Array]:
    """s (N, C) -> its columns divided by their norms, and the norms (C,). Zero columns stay."""
    norms = np.linalg.norm(s, axis=0)
    return np.divide(s, norms, out=np.zeros_like(s), where=norms > 0), norms


def _outputs(network: Network, x: Array) -> Array:
    return BinaryCrossEntropy().probabilities(network.predict(x))

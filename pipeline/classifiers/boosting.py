"""Ensembles of networks: each fitted to what those before it left, or each on its own."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.random import Generator
from pydantic import PositiveInt
from sklearn.utils.validation import check_is_fitted

from pipeline.classifiers.bounds import Factor, Init, RuleName, Sizes
from pipeline.classifiers.estimator import Samples
from pipeline.classifiers.network import NetworkClassifier
from pipeline.core.schema import NotNegative, PositiveFloat, Share
from pipeline.nn.layers import Array
from pipeline.nn.losses import (
    BinaryCrossEntropy,
    CrossEntropy,
    Loss,
    SoftmaxCrossEntropy,
    WeightedSquaredError,
)
from pipeline.nn.network import Network

MAX_TARGET = 4.0  # of Newton members, in absolute value: Friedman et al. (2000) advise 2 to 4


class Rule(ABC):
    """What each member is fitted to, and how the members add up.

    With fₖ(x) (N, C) the logits of member k, the total is prior + Σₖ output(fₖ(x)), (N, C); the
    class whose column is largest is the likeliest. A rule serves one training.

    descends: whether a member after which the residuals are no smaller is dropped; scale: the unit
    of the targets of the member in training, (C,).
    """

    member_loss: Loss
    descends = False
    scale: Array | float = 1.0

    def __init__(self, *, multilabel: bool, shrinkage: float) -> None:
        self.multilabel = multilabel
        self.shrinkage = shrinkage
        self.loss: CrossEntropy = BinaryCrossEntropy() if multilabel else SoftmaxCrossEntropy()

    def begin(self, targets: Array) -> Array:
        """targets (N, C) -> the prior, (C,)."""
        return np.zeros(targets.shape[1], targets.dtype)

    @abstractmethod
    def task(self, data: Samples, total: Array, rng: Generator) -> Samples:
        """What the next member is fitted to; `total` is that of `data` so far."""

    @abstractmethod
    def output(self, logits: Array) -> Array:
        """What a member adds to the total, (N, C)."""

    def keep(self, network: Network) -> None:
        """Put the scale of the member in training into its last layer."""
        for p in network.layers[-1].params:
            p *= self.scale
        self.scale = 1.0

    @abstractmethod
    def probabilities(self, total: Array, members: int) -> Array:
        """(N, C); for class labels the rows sum to 1."""

    def residuals(self, targets: Array, total: Array, output: Array, members: int) -> Array:
        """What is left of the targets, (N, C), after a member that added `output` to `total`."""
        return targets - self.probabilities(total, members)


class Average(Rule):
    def probabilities(self, total: Array, members: int) -> Array:
        eps = np.finfo(total.dtype).eps
        p: Array = (total / members).clip(eps, 1 - eps)
        if not self.multilabel:
            p /= p.sum(axis=1, keepdims=True)
        return p


class ResidualAverage(Average):
    member_loss = WeightedSquaredError()
    descends = True

    def task(self, data: Samples, total: Array, rng: Generator) -> Samples:
        normalized, norms = normalized_columns(data.targets - total)
        root = math.sqrt(len(total))
        self.scale = norms / root
        return Samples(data.x, np.stack([normalized * root, np.ones_like(total)], axis=1))

    def output(self, logits: Array) -> Array:
        return self.scale * logits

    def residuals(self, targets: Array, total: Array, output: Array, members: int) -> Array:
        return targets - total


class Published(Average):
    member_loss = BinaryCrossEntropy()

    def begin(self, targets: Array) -> Array:
        self._fitted: Array = targets.astype(np.float64)
        return super().begin(targets)

    def task(self, data: Samples, total: Array, rng: Generator) -> Samples:
        return Samples(data.x, self._fitted.astype(data.x.dtype))

    def output(self, logits: Array) -> Array:
        return self.member_loss.probabilities(logits)

    def residuals(self, targets: Array, total: Array, output: Array, members: int) -> Array:
        left: Array = self._fitted - output
        self._fitted, _ = normalized_columns(left)
        return left


class Newton(Rule):
    member_loss = WeightedSquaredError()

    def begin(self, targets: Array) -> Array:
        n = len(targets)
        p = targets.mean(axis=0, dtype=np.float64).clip(0.5 / n, 1 - 0.5 / n)  # a finite logarithm
        prior: Array = np.log(p / (1 - p)) if self.multilabel else np.log(p)
        return prior.astype(targets.dtype)

    def task(self, data: Samples, total: Array, rng: Generator) -> Samples:
        z, h = newton_targets(self.loss, total, data.targets)
        return Samples(data.x, np.stack([z, h], axis=1))

    def output(self, logits: Array) -> Array:
        return self.shrinkage * logits

    def probabilities(self, total: Array, members: int) -> Array:
        return self.loss.probabilities(total)


class Bagging(Rule):
    def __init__(self, *, multilabel: bool, shrinkage: float) -> None:
        super().__init__(multilabel=multilabel, shrinkage=shrinkage)
        self.member_loss = self.loss

    def task(self, data: Samples, total: Array, rng: Generator) -> Samples:
        drawn = rng.integers(len(data.x), size=len(data.x))
        return Samples(data.x[drawn], data.targets[drawn])

    def output(self, logits: Array) -> Array:
        return self.loss.probabilities(logits)

    def probabilities(self, total: Array, members: int) -> Array:
        return total / members


RULES: dict[RuleName, type[Rule]] = {
    "residual_average": ResidualAverage,
    "published": Published,
    "newton": Newton,
    "bagging": Bagging,
}


class BoostedClassifier(NetworkClassifier):
    """Ensemble of multilayer perceptrons trained by SGD.

    Member k is a fresh network with the logits fₖ(x), (N, C). `rule` says what it is fitted to and
    how the prediction follows; σ is the logistic function and y (N, C) the targets of 0 and 1.

    `residual_average`: with r₁ = y, member k is fitted by squared error to the residuals divided
    by their root mean square, of each column over the samples; then

        rₖ₊₁ = rₖ - fₖ(x)  (fₖ in the units of rₖ)

    The prediction is the mean of fₖ(x) over the members, kept between 0 and 1. It orders the
    classes as the sum does, which is least-squares boosting (Friedman 2001, Annals of Statistics
    29(5), algorithm 2, with step 1). Later residuals are small, so that the mean is low: thresholds
    for indicator targets are best chosen lower than the 0.5 of `predict`. Class labels are fitted
    one-vs-rest, and rows of `predict_proba` divided by their sum. A member that does not make the
    sum of squares of the residuals smaller is dropped, the next being fitted to the same; the first
    is always kept.

    `published`: as a student's report has it, member k is fitted to rₖ by the gradient of binary
    cross-entropy; then

        s = rₖ - σ(fₖ(x)),  rₖ₊₁ = s / ‖s‖  (norm of each column over the samples)

    The prediction is the mean of σ(fₖ(x)) over the members, thresholds and class labels being as
    above. From the second member on the loss has no lower bound: it may run away.

    `newton`: with F₀ the log frequencies of the classes (indicator: the log odds of each label),
    p = softmax(Fₖ₋₁) (indicator: σ(Fₖ₋₁)), member k is fitted by squared error with the weights h
    to the Newton steps z of the cross-entropy, whose second derivative is taken per class,

        z = (y - p) / h,  h = p (1 - p),  |z| ≤ 4;  Fₖ = Fₖ₋₁ + shrinkage · fₖ

    This is LogitBoost (Friedman, Hastie & Tibshirani 2000, Annals of Statistics 28(2), algorithms 3
    and 6) with networks as members, as in GrowNet (arXiv 2002.07971); the factor (C - 1) / C of
    algorithm 6 is left to `shrinkage`. Where p nears 0 and 1 the weights, and with them the steps
    of SGD, become small.

    `bagging` (Breiman 1996, Machine Learning 24): members that know nothing of each other, each
    trained on as many samples drawn with replacement, by the ensemble's cross-entropy; the
    prediction is the mean of their probabilities. It shows what is due to the number of members
    alone.

    The other parameters and attributes are those of `NetworkClassifier`.

    Parameters
    ----------
    rule : `residual_average`, `published`, `newton` or `bagging`.
    members : the most networks to train.
    shrinkage : share of each Newton step taken, in (0, 1]; without effect on the other rules.
    tolerance : no further member follows once every norm of the residuals is below this; 0
        trains all.
    patience : stop after this many members without a better validation accuracy, and keep those up
        to the best; None: keep all. Needs `validation` in `fit`.

    Attributes
    ----------
    members_ : the trained networks that were kept.
    dropped_ : the numbers of those that were not, counted from 1 as in `history_`.
    prior_ : (C,) F₀; zeros for the other rules.
    residual_norms_ : (len(members_), C) float64, the norms over the training samples of each column
        of rₖ₊₁ (`residual_average`), s (`published`) or y - p (other rules, p the ensemble's) after
        each member.
    """

    def __init__(
        self,
        hidden: Sizes = (512, 256),
        *,
        rule: RuleName = "residual_average",
        members: PositiveInt = 5,
        shrinkage: Factor = 0.5,
        tolerance: NotNegative = 1e-3,
        dropout: Share = 0.0,
        init: Init = "he",
        learning_rate: PositiveFloat = 0.01,
        batch_size: PositiveInt = 32,
        epochs: PositiveInt = 30,
        clip: PositiveFloat | None = 0.5,
        patience: PositiveInt | None = None,
        random_state: int | Generator | None = None,
    ) -> None:
        self.hidden = hidden
        self.rule = rule
        self.members = members
        self.shrinkage = shrinkage
        self.tolerance = tolerance
        self.dropout = dropout
        self.init = init
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.epochs = epochs
        self.clip = clip
        self.patience = patience
        self.random_state = random_state

    @property
    def n_parameters_(self) -> int:
        """The number of trained parameters, of all members."""
        return sum(network.params.size for network in self.members_)

    def state_dict(self) -> dict[str, Array]:
        """As of the members, each name behind `members.INDEX.`; for `newton` also `prior`."""
        check_is_fitted(self)
        state = {
            f"members.{index}.{name}": array
            for index, network in enumerate(self.members_)
            for name, array in network.state_dict().items()
        }
        if self.rule == "newton":
            state["prior"] = self.prior_.copy()
        return state

    def _fit_networks(self, samples: Sequence[Samples], rng: Generator) -> None:
        if self.patience is not None and len(samples) == 1:
            raise ValueError("patience needs validation data: call fit(X, y, validation=(X, y))")
        rule = self._rule()
        data = samples[0]
        self.prior_ = rule.begin(data.targets)
        totals = [np.tile(self.prior_, (len(part.x), 1)) for part in samples]
        norms: list[Array] = []
        best_accuracy, best_member, kept = -1.0, 0, 0
        self.members_: list[Network] = []
        self.dropped_: list[int] = []
        for member in range(1, self.members + 1):
            network = self._network(rng)
            before = totals
            with self._timed():
                task = rule.task(data, before[0], rng)
            for loss in self._epochs(network, task, rule.member_loss, rng):
                totals = [
                    total + rule.output(network.predict(part.x))
                    for total, part in zip(before, samples, strict=True)
                ]
                row = self._record(loss, samples, totals, member=member)
            with self._timed():
                output = rule.output(network.predict(data.x))
                left = rule.residuals(data.targets, totals[0], output, len(norms) + 1)
                norm = np.linalg.norm(left, axis=0).astype(np.float64)
                rule.keep(network)
            if rule.descends and norms and norm @ norm >= norms[-1] @ norms[-1]:
                self.dropped_.append(member)
                totals = before
            else:
                self.members_.append(network)
                norms.append(norm)
                if row.validation_accuracy is not None and row.validation_accuracy > best_accuracy:
                    best_accuracy, best_member = row.validation_accuracy, member
                    kept = len(norms)
            if self.patience is not None and member - best_member >= self.patience:
                break
            if (norms[-1] < self.tolerance).all():
                break
        if self.patience is not None:
            del self.members_[kept:], norms[kept:]
        self.residual_norms_ = np.stack(norms)

    def _load(self, state: Mapping[str, Array]) -> None:
        count = len({name.partition(".layers.")[0] for name in state.keys() - {"prior"}})
        self.members_ = [self._restored(state, f"members.{k}.") for k in range(max(count, 1))]
        self.prior_ = np.zeros(len(self.classes_), self._dtype)
        if self.rule == "newton":
            if "prior" not in state or state["prior"].shape != self.prior_.shape:
                raise ValueError(f"the state of rule 'newton' needs prior {self.prior_.shape}")
            self.prior_[...] = state["prior"]

    def _probabilities(self, x: Array) -> Array:
        rule = self._rule()
        total = np.tile(self.prior_, (len(x), 1))
        for network in self.members_:
            total += rule.output(network.predict(x))
        return rule.probabilities(total, len(self.members_))

    def _rule(self) -> Rule:
        return RULES[self.rule](multilabel=self.multilabel_, shrinkage=self.shrinkage)


def newton_targets(loss: CrossEntropy, logits: Array, targets: Array) -> tuple[Array, Array]:
    """Steps z = -g / h, limited to ± `MAX_TARGET`, and weights h, both (N, C).

    g = p - y and h = p (1 - p) are the derivatives of the cross-entropy of one sample by each of
    its logits; h is kept above the resolution of its dtype.
    """
    p = loss.probabilities(logits)
    h = np.maximum(p * (1 - p), np.finfo(p.dtype).eps)
    return ((targets - p) / h).clip(-MAX_TARGET, MAX_TARGET), h


def normalized_columns(s: Array) -> tuple[Array, Array]:
    """s (N, C) -> its columns divided by their norms, and the norms (C,). Zero columns stay."""
    norms = np.linalg.norm(s, axis=0)
    return np.divide(s, norms, out=np.zeros_like(s), where=norms > 0), norms

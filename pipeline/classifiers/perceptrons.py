"""One network as a scikit-learn estimator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from numpy.random import Generator
from pydantic import PositiveInt
from sklearn.utils.validation import check_is_fitted

from pipeline.classifiers.bounds import Factor, Init, OptimizerName, ScheduleName, Sizes
from pipeline.classifiers.estimator import Samples
from pipeline.classifiers.network import NetworkClassifier
from pipeline.core.schema import NotNegative, PositiveFloat, Share
from pipeline.nn.decay import SCHEDULES
from pipeline.nn.layers import Array
from pipeline.nn.losses import BinaryCrossEntropy, CrossEntropy, SoftmaxCrossEntropy
from pipeline.nn.network import Network, perceptron
from pipeline.nn.optimizers import SGD, Adam, Optimizer


class PerceptronClassifier(NetworkClassifier):
    """Multilayer perceptron of any depth.

    With `init` "normal" and plain SGD it is the published SNN.
    Class labels: softmax outputs and their cross-entropy. Indicator targets: sigmoid outputs and
    binary cross-entropy. The other parameters are those of `NetworkClassifier`.

    Parameters
    ----------
    batch_norm : batch normalisation before each ReLU.
    optimizer : "sgd" or "adam".
    momentum : of SGD, in [0, 1); without effect on Adam.
    weight_decay : share of the parameters that an optimizer takes away as `optimizers` says.
    schedule : "constant"; "step": the learning rate is multiplied by `decay` every `decay_epochs`
        epochs; "exponential": by `decay` after each.
    decay, decay_epochs : of `schedule`.
    patience : stop after this many epochs without a better validation accuracy, and keep the
        network of the best epoch; None: all epochs, the last network. Needs `validation` in `fit`.

    Attributes
    ----------
    network_ : the trained `Network`.
    """

    def __init__(
        self,
        hidden: Sizes = (512, 256),
        *,
        batch_norm: bool = False,
        dropout: Share = 0.0,
        init: Init = "he",
        optimizer: OptimizerName = "sgd",
        learning_rate: PositiveFloat = 0.01,
        momentum: Share = 0.0,
        weight_decay: NotNegative = 0.0,
        schedule: ScheduleName = "constant",
        decay: Factor = 0.1,
        decay_epochs: PositiveInt = 10,
        batch_size: PositiveInt = 32,
        epochs: PositiveInt = 30,
        clip: PositiveFloat | None = None,
        patience: PositiveInt | None = None,
        random_state: int | Generator | None = None,
    ) -> None:
        self.hidden = hidden
        self.batch_norm = batch_norm
        self.dropout = dropout
        self.init = init
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.decay = decay
        self.decay_epochs = decay_epochs
        self.batch_size = batch_size
        self.epochs = epochs
        self.clip = clip
        self.patience = patience
        self.random_state = random_state

    @property
    def n_parameters_(self) -> int:
        """The number of trained parameters."""
        return self.network_.params.size

    def state_dict(self) -> dict[str, Array]:
        """Copies of the learned arrays, `layers.INDEX.weight`, `layers.INDEX.bias` and so on."""
        check_is_fitted(self)
        return self.network_.state_dict()

    def _fit_networks(self, samples: Sequence[Samples], rng: Generator) -> None:
        if self.patience is not None and len(samples) == 1:
            raise ValueError("patience needs validation data: call fit(X, y, validation=(X, y))")
        self.network_ = self._network(rng)
        best_accuracy, best_epoch = -1.0, 0
        for loss in self._epochs(self.network_, samples[0], self._loss(), rng):
            row = self._record(loss, samples, [self._probabilities(data.x) for data in samples])
            if self.patience is None or row.validation_accuracy is None:
                continue
            if row.validation_accuracy > best_accuracy:
                best_accuracy, best_epoch = row.validation_accuracy, row.epoch
                best_state = self.network_.state_dict()
            elif row.epoch - best_epoch >= self.patience:
                break
        if self.patience is not None:
            self.network_.load_state_dict(best_state)

    def _load(self, state: Mapping[str, Array]) -> None:
        self.network_ = self._restored(state)

    def _probabilities(self, x: Array) -> Array:
        logits = self.network_.predict(x, processes=self._processes(self.network_))
        return self._loss().probabilities(logits)

    def _loss(self) -> CrossEntropy:
        return BinaryCrossEntropy() if self.multilabel_ else SoftmaxCrossEntropy()

    def _network(self, rng: Generator) -> Network:
        return perceptron(
            (self.n_features_in_, *self.hidden, len(self.classes_)),
            rng=rng,
            init=self.init,
            batch_norm=self.batch_norm,
            dropout=self.dropout,
            dtype=self._dtype,
        )

    def _optimizer(self, params: Array) -> Optimizer:
        if self.optimizer == "adam":
            return Adam(params, self.learning_rate, weight_decay=self.weight_decay)
        return SGD(
            params, self.learning_rate, momentum=self.momentum, weight_decay=self.weight_decay
        )

    def _rate(self, epoch: int) -> float:
        factor = SCHEDULES[self.schedule](epoch, self.decay, self.decay_epochs)
        return self.learning_rate * factor

"""One network as a scikit-learn estimator: trained by SGD, and the same trained by Adam."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from numpy.random import Generator
from sklearn.utils.validation import check_is_fitted

from pipeline.nn.estimator import NetworkClassifier, Samples
from pipeline.nn.layers import Array
from pipeline.nn.losses import BinaryCrossEntropy, Loss, SoftmaxCrossEntropy
from pipeline.nn.optimizers import Adam, Optimizer


class SNNClassifier(NetworkClassifier):
    """Multilayer perceptron trained by plain SGD.

    Class labels: softmax outputs and their cross-entropy. Indicator targets: sigmoid outputs and
    binary cross-entropy. The other parameters are those of `NetworkClassifier`.

    Parameters
    ----------
    patience : stop after this many epochs without a better validation accuracy, and keep the
        weights of the best epoch; None: all epochs, the last weights. Needs `validation` in `fit`.

    Attributes
    ----------
    network_ : the trained `Network`.
    """

    def __init__(
        self,
        hidden: Sequence[int] = (512, 256),
        *,
        dropout: float = 0.0,
        learning_rate: float = 0.01,
        batch_size: int = 32,
        epochs: int = 30,
        clip: float | None = None,
        patience: int | None = None,
        weight_scale: float | None = 0.01,
        random_state: int | Generator | None = None,
    ) -> None:
        self.hidden = hidden
        self.dropout = dropout
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.epochs = epochs
        self.clip = clip
        self.patience = patience
        self.weight_scale = weight_scale
        self.random_state = random_state

    def state_dict(self) -> dict[str, Array]:
        """Copies of the weights and biases, `layers.INDEX.weight` and `layers.INDEX.bias`."""
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

    def _load_networks(self, state: Mapping[str, Array]) -> None:
        self.network_ = self._restored(state)

    def _probabilities(self, x: Array) -> Array:
        return self._loss().probabilities(self.network_.predict(x))

    def _loss(self) -> Loss:
        return BinaryCrossEntropy() if self.multilabel_ else SoftmaxCrossEntropy()


class AdamClassifier(SNNClassifier):
    """The network of `SNNClassifier` trained by Adam."""

    def __init__(
        self,
        hidden: Sequence[int] = (512, 256),
        *,
        dropout: float = 0.0,
        learning_rate: float = 0.001,
        batch_size: int = 32,
        epochs: int = 30,
        clip: float | None = None,
        patience: int | None = None,
        weight_scale: float | None = 0.01,
        random_state: int | Generator | None = None,
    ) -> None:
        super().__init__(
            hidden,
            dropout=dropout,
            learning_rate=learning_rate,
            batch_size=batch_size,
            epochs=epochs,
            clip=clip,
            patience=patience,
            weight_scale=weight_scale,
            random_state=random_state,
        )

    def _optimizer(self, params: Sequence[Array]) -> Optimizer:
        return Adam(params, self.learning_rate)

"""Section `classifiers`: a model for each kind of run.

To add a kind is to add a class that names its estimator, and to put it into `ClassifierRun`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PositiveInt, model_validator

from pipeline.classifiers.bounds import (
    Distance,
    Factor,
    Filters,
    Init,
    OptimizerName,
    Pooling,
    RuleName,
    ScheduleName,
    Sizes,
)
from pipeline.core.schema import NotNegative, OffOr, PositiveFloat, Scored, Seed, Share

Wanted = Literal["all"] | Annotated[list[str], Field(min_length=1)]
Folds = Annotated[int, Field(ge=2, le=100)]


class Run(Scored):
    """What every run has, whatever its kind.

    estimator: the class that is trained, `module:name`; it is given the values of the run that its
    constructor has parameters for, `none` as None, and `random_state` and `image_shape` likewise.
    given: values of its parameters that the kind decides.
    """

    estimator: ClassVar[str]
    given: ClassVar[Mapping[str, Any]] = {}

    kind: str
    input: Literal["components", "features", "pixels"]
    """The vectors it learns from: principal components, all features, or pictures at
    `pixels.size`."""
    layers: Wanted = "all"
    """Of `input: features`: all that `features.layers` has or chose, or some of them by name."""
    normalize: Literal["zscore", "minmax"] | OffOr
    """Of each input, by the training pictures."""
    folds: Folds | OffOr
    """Cross-validation of the training pictures, by artist where the split is; stacks need it."""
    repeats: Annotated[int, Field(ge=1, le=1000)]
    """Trainings with the seeds seed, seed + 1, …"""
    seed: Seed
    """Of the first training."""

    @model_validator(mode="after")
    def _of_features(self) -> Run:
        if self.layers != "all" and self.input != "features":
            raise ValueError(f"layers are of features, and input is {self.input}: leave them out")
        return self


class NetworkRun(Run):
    """What every run of networks has."""

    hidden: Sizes
    """Units of the hidden layers, ReLU after each."""
    dropout: Share
    """Share of hidden units dropped in training."""
    learning_rate: PositiveFloat
    """Of the first epoch."""
    batch_size: PositiveInt
    """Pictures per step."""
    epochs: PositiveInt
    """Times that the training pictures are seen."""
    clip: PositiveFloat | OffOr
    """Gradients of the weights are limited to ± this."""
    patience: PositiveInt | OffOr
    """Stop after so many epochs without a better validation accuracy."""


class SnnRun(NetworkRun):
    """The published perceptron, sigmoid or softmax outputs: weights N(0, 0.01²), plain SGD."""

    estimator: ClassVar[str] = "pipeline.classifiers.perceptrons:PerceptronClassifier"
    given: ClassVar[Mapping[str, Any]] = {"init": "normal", "optimizer": "sgd"}

    kind: Literal["snn"]


class AdamRun(NetworkRun):
    """The network of `snn`, trained by Adam."""

    estimator: ClassVar[str] = "pipeline.classifiers.perceptrons:PerceptronClassifier"
    given: ClassVar[Mapping[str, Any]] = {"init": "normal", "optimizer": "adam"}

    kind: Literal["adam"]


class BoostedRun(NetworkRun):
    """Several perceptrons, one after another; `rule: bagging` is the control."""

    estimator: ClassVar[str] = "pipeline.classifiers.boosting:BoostedClassifier"

    kind: Literal["boosted"]
    rule: RuleName
    """What a member learns: the residual, by squared error or (`published`, which may run away) by
    cross-entropy, a Newton step on the loss, or (the control) a bootstrap sample."""
    members: PositiveInt
    """Networks trained one after another; `patience` counts them."""
    tolerance: NotNegative
    """No further member once every norm of the residual is below this; 0 trains all."""
    shrinkage: Factor
    """Share of each step of `newton`, otherwise without effect."""
    init: Init
    """Of the weights: N(0, 0.01²), Xavier's or He's."""


class TunedRun(NetworkRun):
    """What runs with every option of the training have."""

    init: Init
    """Of the weights: N(0, 0.01²), Xavier's or He's."""
    batch_norm: bool
    """Normalise each layer's inputs over the batch."""
    optimizer: OptimizerName
    """What descends."""
    momentum: Share
    """Of `sgd`."""
    weight_decay: NotNegative
    """L2 penalty of `sgd`, decoupled of `adam`."""
    schedule: ScheduleName
    """How the learning rate falls."""
    decay: Factor
    """What the rate is multiplied by, after each epoch or after `decay_epochs`."""
    decay_epochs: PositiveInt
    """Epochs between two falls of `step`."""


class MlpRun(TunedRun):
    """The perceptron with every option of its training."""

    estimator: ClassVar[str] = "pipeline.classifiers.perceptrons:PerceptronClassifier"

    kind: Literal["mlp"]


class ConvnetRun(TunedRun):
    """3 x 3 convolutions on pixels, then dense layers."""

    estimator: ClassVar[str] = "pipeline.classifiers.convnet:ConvNetClassifier"

    kind: Literal["convnet"]
    input: Literal["pixels"]
    filters: Filters
    """Channels after each 3 x 3 convolution; of more than two, every second is followed by
    pooling."""
    pooling: Pooling
    """2 x 2, of the largest or of the mean."""


class DistanceRun(Run):
    """What runs that compare inputs have."""

    distance: Distance
    """Between two inputs; `csls` is `cosine` corrected for inputs that are near to many others,
    `ssim` compares pictures."""

    @model_validator(mode="after")
    def _pictures(self) -> DistanceRun:
        if self.distance == "ssim" and self.input != "pixels":
            raise ValueError("distance ssim compares pictures: set input: pixels")
        return self


class KnnRun(DistanceRun):
    """The k nearest neighbours."""

    estimator: ClassVar[str] = "pipeline.classifiers.neighbors:NeighborsClassifier"

    kind: Literal["knn"]
    n_neighbors: PositiveInt
    """How many vote."""


class CentroidRun(DistanceRun):
    """The nearest mean of a class."""

    estimator: ClassVar[str] = "pipeline.classifiers.neighbors:CentroidClassifier"

    kind: Literal["nearest_centroid"]


class LogisticRun(Run):
    """scikit-learn's logistic regression: log-odds that are linear in the inputs."""

    estimator: ClassVar[str] = "pipeline.classifiers.logistic:LogisticClassifier"

    kind: Literal["logistic"]
    C: PositiveFloat | Literal["auto"]
    """Inverse strength of the L2 penalty; auto: of 1e-6 to 1e4, that with the least log loss of the
    validation pictures."""


class RidgeRun(Run):
    """Least squares of the classes with an L2 penalty."""

    estimator: ClassVar[str] = "pipeline.classifiers.ridge:RidgeClassifier"

    kind: Literal["ridge"]
    alpha: PositiveFloat | Literal["auto"]
    """Strength of the L2 penalty; auto: of 1e8 to 1e-4, that with the least log loss of the
    validation pictures."""


ClassifierRun = Annotated[
    SnnRun
    | AdamRun
    | BoostedRun
    | MlpRun
    | ConvnetRun
    | KnnRun
    | CentroidRun
    | LogisticRun
    | RidgeRun,
    Field(discriminator="kind"),
]

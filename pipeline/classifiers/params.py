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
    Optimizer,
    Pooling,
    RuleName,
    Schedule,
    Share,
    Sizes,
)
from pipeline.core.schema import NotNegative, OffOr, PositiveFloat, Probability, Section, Seed

Folds = Annotated[int, Field(ge=2, le=100)]


class Run(Section):
    """What every run has, whatever its kind.

    estimator: the class that is trained, `module:name`; it is given the values of the run that its
    constructor has parameters for, `none` as None, and `random_state` and `image_shape` likewise.
    given: values of its parameters that the kind decides.
    """

    estimator: ClassVar[str]
    given: ClassVar[Mapping[str, Any]] = {}

    kind: str
    input: Literal["components", "features", "pixels"]
    normalize: Literal["zscore", "minmax"] | OffOr
    folds: Folds | OffOr
    threshold: Probability
    repeats: Annotated[int, Field(ge=1, le=1000)]
    seed: Seed


class NetworkRun(Run):
    hidden: Sizes
    dropout: Share
    learning_rate: PositiveFloat
    batch_size: PositiveInt
    epochs: PositiveInt
    clip: PositiveFloat | OffOr
    patience: PositiveInt | OffOr


class SnnRun(NetworkRun):
    """The published perceptron: weights N(0, 0.01²), plain SGD."""

    estimator: ClassVar[str] = "pipeline.classifiers.perceptrons:PerceptronClassifier"
    given: ClassVar[Mapping[str, Any]] = {"init": "normal", "optimizer": "sgd"}

    kind: Literal["snn"]


class AdamRun(NetworkRun):
    """The network of `SnnRun`, trained by Adam."""

    estimator: ClassVar[str] = "pipeline.classifiers.perceptrons:PerceptronClassifier"
    given: ClassVar[Mapping[str, Any]] = {"init": "normal", "optimizer": "adam"}

    kind: Literal["adam"]


class BoostedRun(NetworkRun):
    estimator: ClassVar[str] = "pipeline.classifiers.boosting:BoostedClassifier"

    kind: Literal["boosted"]
    rule: RuleName
    members: PositiveInt
    tolerance: PositiveFloat
    shrinkage: Factor
    init: Init


class TunedRun(NetworkRun):
    """A network with every option of its training."""

    init: Init
    batch_norm: bool
    optimizer: Optimizer
    momentum: Share
    weight_decay: NotNegative
    schedule: Schedule
    decay: Factor
    decay_epochs: PositiveInt


class MlpRun(TunedRun):
    estimator: ClassVar[str] = "pipeline.classifiers.perceptrons:PerceptronClassifier"

    kind: Literal["mlp"]


class ConvnetRun(TunedRun):
    estimator: ClassVar[str] = "pipeline.classifiers.convnet:ConvNetClassifier"

    kind: Literal["convnet"]
    input: Literal["pixels"]
    filters: Filters
    pooling: Pooling


class DistanceRun(Run):
    distance: Distance

    @model_validator(mode="after")
    def _pictures(self) -> DistanceRun:
        if self.distance == "ssim" and self.input != "pixels":
            raise ValueError("distance ssim compares pictures: set input: pixels")
        return self


class KnnRun(DistanceRun):
    estimator: ClassVar[str] = "pipeline.classifiers.neighbors:NeighborsClassifier"

    kind: Literal["knn"]
    n_neighbors: PositiveInt


class CentroidRun(DistanceRun):
    estimator: ClassVar[str] = "pipeline.classifiers.neighbors:CentroidClassifier"

    kind: Literal["nearest_centroid"]


class LogisticRun(Run):
    estimator: ClassVar[str] = "pipeline.classifiers.logistic:LogisticClassifier"

    kind: Literal["logistic"]
    C: PositiveFloat


ClassifierRun = Annotated[
    SnnRun | AdamRun | BoostedRun | MlpRun | ConvnetRun | KnnRun | CentroidRun | LogisticRun,
    Field(discriminator="kind"),
]

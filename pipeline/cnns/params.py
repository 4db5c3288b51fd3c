"""Section `cnns`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from pipeline.cnns.schedules import Schedule
from pipeline.core.schema import (
    Device,
    NotNegative,
    OffOr,
    PositiveFloat,
    Probability,
    Section,
    Seed,
)


class Augment(Section):
    """Random changes of the training pictures; what is not named does not happen.

    Each has a function in `augmentation`, and a line in its tables.
    """

    flip: bool = False
    crop: Annotated[int, Field(ge=0)] = 0
    rotation: Annotated[float, Field(ge=0, le=180)] = 0.0
    resized_crop: Annotated[float, Field(ge=0, le=1)] = 0.0
    jitter: Annotated[float, Field(ge=0, le=1)] = 0.0
    pca_colour: NotNegative = 0.0
    mixup: NotNegative = 0.0
    cutmix: NotNegative = 0.0


class Finetune(Section):
    """A second part of a transfer, in which the last `layers` of the trunk train too."""

    layers: PositiveInt
    epochs: PositiveInt
    learning_rate: PositiveFloat


class Transfer(Section):
    """A frozen trunk of timm's with a new head; size: side of its input, its own where none."""

    backbone: str
    weights: str
    size: Annotated[int, Field(ge=32)] | None = None
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    finetune: Finetune | None = None


class CnnRun(Section):
    """A network on pixels, trained end to end, or a pretrained one with a new head."""

    architecture: str | Transfer
    optimizer: Literal["sgd", "adam", "adamw"]
    learning_rate: PositiveFloat
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    nesterov: bool = True
    weight_decay: NotNegative
    schedule: Schedule
    batch_size: PositiveInt
    epochs: PositiveInt
    augment: Augment
    standardize: Literal["set", "picture"]
    balance: Literal["weights", "sampling"] | OffOr
    output_bias: Literal["zero", "frequencies"] = "zero"
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    ema: Annotated[float, Field(gt=0, lt=1)] | OffOr
    patience: PositiveInt | OffOr
    precision: Literal["auto", "float32", "bfloat16"]
    compile: bool = False
    device: Device
    threshold: Probability
    explain: Annotated[int, Field(ge=0, le=96)] = 4
    repeats: Annotated[int, Field(ge=1, le=1000)]
    seed: Seed

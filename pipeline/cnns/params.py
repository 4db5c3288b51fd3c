"""Section `cnns`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from pipeline.cnns.schedules import Schedule
from pipeline.core.schema import (
    Device,
    Fraction,
    NotNegative,
    OffOr,
    PositiveFloat,
    Precision,
    Scored,
    Seed,
    Share,
    Strict,
)


class Augment(Strict):
    """Random changes of the training pictures; what is not named does not happen.

    Each has a function in `augmentation`, and a line in its tables.
    """

    flip: bool = False
    """Left and right change places, half of the time."""
    crop: Annotated[int, Field(ge=0)] = 0
    """A window out of the picture with so many pixels of padding."""
    rotation: Annotated[float, Field(ge=0, le=180)] = 0.0
    """By an angle up to ± so many degrees."""
    resized_crop: Annotated[float, Field(ge=0, le=1)] = 0.0
    """A window of at least this share of the area, resized; 0 is none."""
    jitter: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Brightness, contrast and saturation times 1 ± this."""
    pca_colour: NotNegative = 0.0
    """Deviation of shifts along the principal colours of the training pictures."""
    mixup: NotNegative = 0.0
    """The a of Beta(a, a), from which the shares of two mixed pictures are drawn."""
    cutmix: NotNegative = 0.0
    """The a of Beta(a, a), from which the area of a window from another picture is drawn."""


class Finetune(Strict):
    """A second part of a transfer, in which the last `layers` of the trunk train too."""

    layers: PositiveInt
    """The last so many of the trunk train too."""
    epochs: PositiveInt
    """Of this second part."""
    learning_rate: PositiveFloat
    """Of this second part."""


class Transfer(Strict):
    """A frozen trunk of timm's with a new head; size: side of its input, its own where none."""

    backbone: str
    """As `features.backbone`."""
    weights: str
    """As `features.weights`."""
    size: Annotated[int, Field(ge=32)] | None = None
    """Side of its input in pixels; left out, its own."""
    dropout: Share = 0.0
    """Before the new head."""
    finetune: Finetune | None = None
    """A second part, in which the last layers of the trunk train too."""


class CnnRun(Scored):
    """A network on pixels, trained end to end, or a pretrained one with a new head."""

    architecture: str | Transfer
    """A name from the table of architectures, or a pretrained trunk with a new head."""
    optimizer: Literal["sgd", "adam", "adamw"]
    """What descends."""
    learning_rate: PositiveFloat
    """What `schedule` starts from."""
    momentum: Share = 0.9
    """Of `sgd`."""
    nesterov: bool = True
    """Of `sgd`."""
    weight_decay: NotNegative
    """L2 penalty of `sgd` and `adam`, decoupled of `adamw`."""
    schedule: Schedule
    """How the learning rate goes: one of the schedules."""
    batch_size: PositiveInt
    """Pictures per step, of all processes together; all, where there are fewer."""
    epochs: PositiveInt
    """Times that the training pictures are seen."""
    augment: Augment
    """Random changes of the training pictures; `{}` is none."""
    standardize: Literal["set", "picture"]
    """Each channel by the training pictures, or each picture by itself."""
    balance: Literal["weights", "sampling"] | OffOr
    """`weights`: n / (n_c C) in the loss; `sampling`: rare classes more often."""
    output_bias: Literal["zero", "frequencies"] = "zero"
    """What the last layer's bias starts from."""
    label_smoothing: Share = 0.0
    """Share of the target that is spread over all classes."""
    ema: Fraction | OffOr
    """Decay of a moving average of the weights, which then counts."""
    patience: PositiveInt | OffOr
    """Stop after so many epochs without a better validation accuracy."""
    precision: Precision
    """Of the network's arithmetic; `auto` is bfloat16 where the hardware multiplies it."""
    compile: bool = False
    """By `torch.compile`."""
    device: Device
    """Where it trains; `auto` is cuda when there is one."""
    explain: Annotated[int, Field(ge=0, le=96)] = 4
    """Right and as many wrong test pictures to show what it looked at."""
    repeats: Annotated[int, Field(ge=1, le=1000)]
    """Trainings with the seeds seed, seed + 1, …"""
    seed: Seed
    """Of the first training."""

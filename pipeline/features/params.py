"""Section `features`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, PositiveInt, model_validator

from pipeline.core.schema import Auto, Device, OffOr, Precision, Seed, Strict

Last = Literal["last"]
Layers = Last | Auto | Annotated[Sequence[int | str], Field(min_length=1)]
Pool = Literal["spatial", "head", "mean", "mean_std", "cls_mean"]
Resize = Literal["squash", "crop"]
Decoder = Literal["cpu", "cuda"]
EngineName = Literal["auto", "torch", "compiled", "openvino"]


class Features(Strict):
    backbone: str
    """A name of `timm.list_models()`, `resnet50` among them."""
    weights: str
    """`packaged` (of `tf_efficientnet_lite0`), `imagenet` (downloaded once), `random`, or a file
    in `models/pretrained`."""
    seed: Seed
    """Of `weights: random`, otherwise without effect."""
    layers: Layers
    """The last map; all blocks, of which the best are taken (`auto`, docs/experiments.md); or a
    list of blocks, by number from 0, from the end where negative, or by name."""
    pool: Pool
    """What of a layer's map: all of it (`spatial`) or what the network's own classifier sees
    (`head`), both of the last map alone; the mean over its places, with their deviation
    (`mean_std`), or with the class token of a transformer before it (`cls_mean`)."""
    size: Annotated[int, Field(ge=32, le=2048)] | OffOr
    """Side of the pictures that the network sees, in pixels; `none` is the weights' own."""
    resize: Resize
    """The whole picture with its proportions lost, or its middle as in the weights' own
    evaluation."""
    scaled_decoding: bool
    """Decode JPEGs of more than twice the needed size at 1/2, 1/4 or 1/8 of theirs."""
    precision: Precision
    """Of the network's arithmetic; `auto` is bfloat16 where it proves faster and the first
    pictures' features of each layer keep a cosine of 0.999 to those in float32, otherwise, and
    for work of a few seconds, float32; where there are vectors it is theirs."""
    decoder: Decoder
    """Where JPEGs are decoded."""
    engine: EngineName
    """What computes: PyTorch as it is (`torch`) or compiled by it, or OpenVINO; `auto`, when the
    work takes more than seconds, is OpenVINO on a CPU, and compiled on a GPU where that proves
    faster. No other vectors but for rounding, where the precision stays."""
    batch_size: PositiveInt | Auto
    """Pictures per forward pass; `auto` is 8 a thread, 256 on a GPU."""
    device: Device
    """Where the network runs; `auto` is cuda when there is one."""

    @model_validator(mode="after")
    def _last(self) -> Features:
        if self.pool in ("spatial", "head") and self.layers != "last":
            raise ValueError(
                f"pool {self.pool} is of the last map: set layers: last, or pool to mean, "
                "mean_std or cls_mean"
            )
        return self

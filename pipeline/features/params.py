"""Section `features`."""

from __future__ import annotations

from typing import Literal

from pydantic import PositiveInt

from pipeline.core.schema import Auto, Device, Precision, Seed, Strict

LayerName = Literal["spatial", "pooled"]
Resize = Literal["squash", "crop"]
Decoder = Literal["cpu", "cuda"]


class Features(Strict):
    backbone: str
    """A name of `timm.list_models()`, `resnet50` among them."""
    weights: str
    """`packaged` (of `tf_efficientnet_lite0`), `imagenet` (downloaded once), `random`, or a file
    in `models/pretrained`."""
    seed: Seed
    """Of `weights: random`, otherwise without effect."""
    layer: LayerName
    """The last map, flattened, or its mean."""
    resize: Resize
    """The whole picture with its proportions lost, or its middle as in the weights' own
    evaluation."""
    scaled_decoding: bool
    """Decode JPEGs of more than twice the needed size at 1/2, 1/4 or 1/8 of theirs."""
    precision: Precision
    """Of the network's arithmetic; `auto` is bfloat16 where the hardware multiplies it."""
    decoder: Decoder
    """Where JPEGs are decoded."""
    compile: bool | Auto
    """`auto`: when the pictures are many and it proves faster. No other vectors but for
    rounding."""
    batch_size: PositiveInt | Auto
    """Pictures per forward pass; `auto` is 16 a thread, 256 on a GPU."""
    device: Device
    """Where the network runs; `auto` is cuda when there is one."""

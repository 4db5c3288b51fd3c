"""Section `features`."""

from __future__ import annotations

from typing import Literal

from pydantic import PositiveInt

from pipeline.core.schema import Auto, Device, Section, Seed


class Features(Section):
    backbone: str
    weights: str
    seed: Seed
    layer: Literal["spatial", "pooled"]
    resize: Literal["squash", "crop"]
    scaled_decoding: bool
    precision: Literal["auto", "float32", "bfloat16"]
    decoder: Literal["cpu", "cuda"]
    compile: bool | Auto
    batch_size: PositiveInt | Auto
    device: Device

"""Backbones that several tests look at, and pictures for them."""

from pathlib import Path

import pytest
import torch

from pipeline.backbones.weights import PACKAGED, make_backbone


@pytest.fixture(scope="module")
def packaged():
    return make_backbone(PACKAGED, "packaged", pretrained_dir=Path("none"), seed=0)


@pytest.fixture(scope="module")
def resnet18():
    return make_backbone("resnet18", "random", pretrained_dir=Path("none"), seed=0)


@pytest.fixture(scope="module")
def images():
    return torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0)) * 2 - 1

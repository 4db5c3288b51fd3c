"""The network of a run after its training: its scores and its file."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pipeline.cnns.architectures.airbench import PatchWhitening
from pipeline.cnns.architectures.registry import build_network
from pipeline.cnns.params import CnnRun
from pipeline.cnns.standardization import StandardizePicture, StandardizeSet
from pipeline.cnns.training import probabilities
from pipeline.cnns.transfer import Trunk, rebuild_trunk, with_head
from pipeline.compute.devices import choose_precision
from pipeline.core.tensors import loading_model, save_model
from pipeline.measure.temperature import at_temperature


@dataclass(frozen=True)
class TrainedNetwork:
    """A network that has been trained, for pictures of `shape` (H, W, C).

    temperature: what the scores are at, None where they are the network's own.
    """

    network: nn.Module
    run: CnnRun
    trunk: Trunk | None
    shape: tuple[int, int, int]
    classes: list[str]
    multilabel: bool
    temperature: float | None = None

    def scores(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(N, H, W, C) -> (N, L) probabilities, on the CPU in the precision of its trainings; rows
        sum to 1 unless `multilabel`."""
        device = torch.device("cpu")
        scores = probabilities(
            self.network, pixels, multilabel=self.multilabel, device=device,
            dtype=choose_precision(self.run.precision, device, matrix_unit=True),
        )  # fmt: skip
        return at_temperature(scores, self.temperature, multilabel=self.multilabel)

    def save(self, path: Path, **provenance: Any) -> None:
        """Write tensors to `path` (safetensors), all else beside it (.json)."""
        tensors = {name: t.cpu().numpy() for name, t in self.network.state_dict().items()}
        save_model(
            path,
            tensors,
            **provenance,
            first_convolution=self._first_convolution(),
            run=self.run.model_dump(),
            trunk=self.trunk and asdict(self.trunk),
            shape=self.shape,
            classes=self.classes,
            multilabel=self.multilabel,
            temperature=self.temperature,
        )

    def _first_convolution(self) -> str | None:
        """The name of its weights; None where there is no convolution."""
        for name, module in self.network.named_modules():
            if isinstance(module, nn.Conv2d | PatchWhitening):
                return f"{name}.weight"
        return None

    @classmethod
    def load(cls, path: Path) -> tuple[TrainedNetwork, dict[str, Any]]:
        """What `save` wrote, and all that stands beside the tensors. Errors: `UserError`."""
        with loading_model(path) as (tensors, stored):
            run = CnnRun.model_validate(stored["run"])
            trunk = None
            if facts := stored["trunk"]:
                trunk = Trunk(**{**facts, "mean": tuple(facts["mean"]), "std": tuple(facts["std"])})
            height, width, channels = stored["shape"]
            classes = stored["classes"]
            shape = (height, width, channels)
            network = rebuild(run, trunk, shape=shape, classes=len(classes))
            network.load_state_dict({k: torch.from_numpy(v) for k, v in tensors.items()})
            multilabel, temperature = stored["multilabel"], stored["temperature"]
            return cls(network, run, trunk, shape, classes, multilabel, temperature), stored


def rebuild(
    run: CnnRun, trunk: Trunk | None, *, shape: tuple[int, int, int], classes: int
) -> nn.Sequential:
    """The network of a run whose weights are to be loaded; shape: (H, W, C)."""
    height, _, channels = shape
    if isinstance(run.architecture, str):
        network = build_network(
            run.architecture, classes=classes, channels=channels, size=height, seed=0
        )
        zeros, ones = [0.0] * channels, [1.0] * channels
        return nn.Sequential(
            StandardizePicture() if run.standardize == "picture" else StandardizeSet(zeros, ones),
            network,
        )
    assert trunk is not None
    return with_head(rebuild_trunk(trunk), trunk, classes, run.architecture.dropout)

"""The network of a run: an architecture or a pretrained trunk, standardisation before it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import timm
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from pipeline.backbones import make_backbone
from pipeline.cnns.airbench import PatchWhitening
from pipeline.cnns.registry import build_network
from pipeline.devices import choose_precision
from pipeline.errors import UserError
from pipeline.models import loading_model, save_model
from pipeline.params import CnnRun, Transfer
from pipeline.training import Phase, Pictures, as_input, probabilities

PATCHES = 2**20  # that whitening is fitted to, at most


class StandardizeSet(nn.Module):
    """x (N, C, H, W) -> (x - mean) / deviation of each channel, (C,)."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, mean: Sequence[float], deviation: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean)[:, None, None])
        self.register_buffer("deviation", torch.tensor(deviation)[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.deviation

    @classmethod
    def fit(cls, pictures: Pictures) -> Self:
        """To these pictures; a constant channel is only shifted."""
        channels = pictures.shape[2]
        sums, squares = np.zeros((2, channels))
        for picture in pictures:
            values = picture.reshape(-1, channels) / 255
            sums += values.mean(0)
            squares += (values**2).mean(0)
        mean = sums / len(pictures)
        variance = squares / len(pictures) - mean**2
        deviation = np.where(variance > 1e-8, np.sqrt(np.maximum(variance, 1e-8)), 1)
        return cls(mean.tolist(), deviation.tolist())


class StandardizePicture(nn.Module):
    """x (N, C, H, W) -> (x - μ) / max(σ, 1 / √n) of each picture, over all its n values."""

    def forward(self, x: Tensor) -> Tensor:
        values = x.flatten(1)
        mean = values.mean(1)[:, None, None, None]
        deviation = values.std(1, correction=0).clamp(min=1 / math.sqrt(values.shape[1]))
        return (x - mean) / deviation[:, None, None, None]


class TransferNetwork(nn.Module):
    """A trunk with a new head: x (N, 3, H, W) in 0..1, brought to the trunk's size -> logits.

    The trunk's batch normalisation and dropout stay in evaluation mode.
    """

    def __init__(
        self, trunk: nn.Module, *, size: int, width: int, classes: int, dropout: float
    ) -> None:
        super().__init__()
        self.trunk = trunk
        self.size = size
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(width, classes))

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1] != self.size:
            x = F.interpolate(
                x, (self.size, self.size), mode="bilinear", align_corners=False, antialias=True
            )
        maps = self.trunk.forward_features(x)  # type: ignore[operator]
        logits: Tensor = self.head(self.trunk.forward_head(maps, pre_logits=True))  # type: ignore[operator]
        return logits

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        self.trunk.eval()
        return self

    def last_layers(self, count: int) -> list[nn.Parameter]:
        """The parameters of the head and of the last `count` layers of the trunk that have some."""
        layers = [m for m in self.trunk.modules() if list(m.parameters(recurse=False))]
        if count > len(layers):
            raise UserError(
                f"architecture.finetune.layers is {count}: the trunk has {len(layers)} layers"
            )
        last = [p for layer in layers[-count:] for p in layer.parameters(recurse=False)]
        return [*last, *self.head.parameters()]


@dataclass(frozen=True)
class Trunk:
    """What is known of a transfer's trunk: timm's name, input side, width of its pooled output,
    mean and deviation of RGB in 0..1."""

    name: str
    size: int
    width: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    digest: str  # of its weights


def make_network(
    run: CnnRun, training: Pictures, *, seed: int, pretrained_dir: Path
) -> tuple[nn.Sequential, Trunk | None]:
    """The network of a run at the start of its training: (N, C, H, W) in 0..1 -> logits.

    training: those whose statistics `standardize: set` takes. Errors: `UserError`.
    """
    height, _, channels = training.shape
    classes = training.targets.shape[1]
    if isinstance(run.architecture, str):
        network = build_network(
            run.architecture, classes=classes, channels=channels, size=height, seed=seed
        )
        standardize = (
            StandardizePicture() if run.standardize == "picture" else StandardizeSet.fit(training)
        )
        _whiten(network, standardize, training)
        return nn.Sequential(standardize, network), None
    if channels != 3:
        raise UserError(
            f"{run.architecture.backbone} sees RGB, pixels.colour is grey: set pixels.colour: rgb"
        )
    trunk, made = _trunk(run.architecture, pretrained_dir, seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _transfer(made, trunk, classes, run.architecture.dropout), trunk


def _whiten(network: nn.Module, standardize: nn.Module, training: Pictures) -> None:
    """Fit the layers of `network` that whiten to PATCHES places of the training pictures."""
    height, width, _ = training.shape
    step = math.ceil(len(training) * height * width / PATCHES)
    for module in network.modules():
        if isinstance(module, PatchWhitening):
            pixels = torch.from_numpy(training[slice(None, None, step)])
            with torch.no_grad():
                module.fit(standardize(as_input(pixels)))


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
    made = timm.create_model(trunk.name, pretrained=False, num_classes=0)
    return _transfer(made, trunk, classes, run.architecture.dropout)


def phases(run: CnnRun, network: nn.Sequential) -> list[Phase]:
    """The parts of a run's training: of a transfer the head, then last layers of the trunk too."""
    if isinstance(run.architecture, str):
        return [Phase(run.epochs, run.learning_rate, list(network.parameters()))]
    transfer = network[1]
    assert isinstance(transfer, TransferNetwork)
    parts = [Phase(run.epochs, run.learning_rate, list(transfer.head.parameters()))]
    if finetune := run.architecture.finetune:
        last = transfer.last_layers(finetune.layers)
        parts.append(Phase(finetune.epochs, finetune.learning_rate, last))
    return parts


def _trunk(transfer: Transfer, pretrained_dir: Path, seed: int) -> tuple[Trunk, nn.Module]:
    backbone = make_backbone(
        transfer.backbone, transfer.weights, pretrained_dir=pretrained_dir, seed=seed,
        section="architecture",
    )  # fmt: skip
    recipe = backbone.recipe
    size = transfer.size or recipe.input_size
    try:
        with torch.inference_mode():
            pooled = backbone.pooled(torch.zeros(1, 3, size, size))
    except (AssertionError, RuntimeError) as error:
        raise UserError(
            f"architecture.size is {size}: {recipe.name} cannot take it "
            f"({str(error).splitlines()[0]}); leave it out for its own, {recipe.input_size}"
        ) from None
    facts = Trunk(recipe.name, size, pooled.shape[1], recipe.mean, recipe.std, recipe.digest)
    return facts, backbone.trunk


def _transfer(made: nn.Module, trunk: Trunk, classes: int, dropout: float) -> nn.Sequential:
    network = TransferNetwork(
        made, size=trunk.size, width=trunk.width, classes=classes, dropout=dropout
    )
    return nn.Sequential(StandardizeSet(trunk.mean, trunk.std), network)


@dataclass(frozen=True)
class TrainedNetwork:
    """A network that has been trained, for pictures of `shape` (H, W, C)."""

    network: nn.Module
    run: CnnRun
    trunk: Trunk | None
    shape: tuple[int, int, int]
    classes: list[str]
    multilabel: bool

    def scores(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(N, H, W, C) -> (N, L) probabilities, on the CPU in the precision of its trainings; rows
        sum to 1 unless `multilabel`."""
        device = torch.device("cpu")
        return probabilities(
            self.network, pixels, multilabel=self.multilabel, device=device,
            dtype=choose_precision(self.run.precision, device, training=True),
        )  # fmt: skip

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
            return cls(network, run, trunk, shape, classes, stored["multilabel"]), stored

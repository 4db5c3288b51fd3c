"""The training of PyTorch networks on pixels: one loop, on one device or several processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from pipeline.cnns.augmentation import PrincipalColours, augmentation, mixed
from pipeline.cnns.checkpoints import Checkpoint
from pipeline.cnns.inputs import Pictures, as_input
from pipeline.cnns.optimization import class_weights, load_optimizer, optimizer_tensors
from pipeline.cnns.params import CnnRun
from pipeline.cnns.transfer import TransferNetwork
from pipeline.compute.distributed import World
from pipeline.measure.accuracy import Epoch, diverged, hit_at_1

EVALUATED = 64  # pictures per forward pass in evaluation: more are no faster on a CPU


@dataclass(frozen=True)
class Phase:
    """A part of the training with an optimizer of its own, for the parameters it trains."""

    epochs: int
    learning_rate: float
    params: list[nn.Parameter]


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


@dataclass
class Course:
    """How far a training has come; `best` counts epochs from 1."""

    history: list[Epoch] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    best: int = 0


class Trainer:
    """Trains `network`, (N, C, H, W) in 0..1 -> logits (N, L), as `params` say.

    A batch is divided among the processes of `world`, so that their number changes a result only by
    rounding, and by batch normalisation and random draws, which are each process's own. The same
    seed gives the same network on the same device and number of processes.

    phases: one after the other; their `params` are those of `network` that train.
    """

    def __init__(
        self,
        network: nn.Module,
        params: CnnRun,
        phases: Sequence[Phase],
        *,
        multilabel: bool,
        seed: int,
        device: torch.device,
        dtype: torch.dtype,
        world: World,
    ) -> None:
        self.network = network.to(device).to(memory_format=torch.channels_last)
        self.params = params
        self.phases = phases
        self.multilabel = multilabel
        self.device = device
        self.dtype = dtype
        self.world = world
        self.progress = Course()
        self.seed = seed
        self._order = Generator()  # the same in all processes
        self._draws = Generator(device)
        self._average: AveragedModel | None = None
        if params.ema != "none":
            average = get_ema_multi_avg_fn(params.ema)  # type: ignore[no-untyped-call]
            self._average = AveragedModel(self.network, multi_avg_fn=average, use_buffers=True)
        self._best: dict[str, Tensor] = {}

    @property
    def evaluated(self) -> nn.Module:
        """The network whose scores count: the moving average where there is one."""
        return self.network if self._average is None else self._average.module

    def fit(
        self, training: Pictures, validation: Pictures, *, checkpoint: Checkpoint
    ) -> Iterator[Epoch]:
        """Train, yielding each epoch after its checkpoint is written, from the last one there is.

        Raises `FloatingPointError` when it diverges or a score is no finite number.
        """
        self._data = _Data(training, self.device)
        self._weights = class_weights(training.targets).to(self.device)
        colours = PrincipalColours(training) if self.params.augment.pca_colour else None
        self._change = augmentation(self.params.augment, colours=colours)
        optimizer_state: dict[str, Tensor] = {}
        if found := checkpoint.load():
            optimizer_state = self._restore(*found)
        start = 0
        for phase in self.phases:
            done = len(self.progress.history) - start
            if done < phase.epochs and not self._stopped():
                state = optimizer_state if done > 0 else {}
                yield from self._run(phase, start, state, validation, checkpoint)
            start += phase.epochs
        if self.params.patience != "none":
            self.evaluated.load_state_dict(self._best)

    def scores(self, pictures: Pictures) -> NDArray[np.float32]:
        """(N, L) probabilities, each computed by one process, known to all."""
        scores = np.zeros(pictures.targets.shape, np.float32)
        for part in self.world.share(_slices(len(pictures))):
            scores[part] = probabilities(
                self.evaluated, pictures[part], multilabel=self.multilabel, device=self.device,
                dtype=self.dtype,
            )  # fmt: skip
        self.world.sum(scores)
        return scores

    def _run(
        self,
        phase: Phase,
        start: int,
        optimizer_state: dict[str, Tensor],
        validation: Pictures,
        checkpoint: Checkpoint,
    ) -> Iterator[Epoch]:
        for p in self.network.parameters():
            p.requires_grad_(False)
        for p in phase.params:
            p.requires_grad_(True)
        optimizer = self._optimizer(phase)
        if optimizer_state:
            load_optimizer(optimizer, optimizer_state)
        network: nn.Module = self.network
        if self.world.size > 1:
            network = DistributedDataParallel(network)
        if self.params.compile:
            network = torch.compile(network)  # type: ignore[assignment]
        for epoch in range(len(self.progress.history), start + phase.epochs):
            self._seed(epoch)
            began = perf_counter()
            loss, accuracy = self._epoch(network, optimizer, phase, epoch - start)
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)
            self.progress.seconds.append(perf_counter() - began)
            scores = self.scores(validation)
            losses = [*(row.loss for row in self.progress.history), loss]
            if diverged(losses) or not np.isfinite(scores).all():
                raise FloatingPointError(
                    f"training diverged in epoch {epoch + 1}, learning_rate "
                    f"{optimizer.param_groups[0]['lr']:.3g}, its loss is {loss:.3g}: "
                    "lower learning_rate or add a warmup"
                )
            row = Epoch(epoch + 1, loss, accuracy, hit_at_1(scores, validation.targets))
            self._keep(row)
            checkpoint.save(self._state(optimizer), asdict(self.progress))
            yield row
            if self._stopped():
                return

    def _seed(self, epoch: int) -> None:
        """Begin the draws of an epoch, which so depend on no epoch before it."""
        order, draws = np.random.SeedSequence([self.seed, epoch]).spawn(2)
        self._order.manual_seed(int(order.generate_state(1)[0]))
        own = int(draws.spawn(self.world.size)[self.world.rank].generate_state(1)[0])
        self._draws.manual_seed(own)
        torch.manual_seed(own)  # of dropout, which takes no generator

    def _epoch(
        self, network: nn.Module, optimizer: torch.optim.Optimizer, phase: Phase, epoch: int
    ) -> tuple[float, float]:
        """Mean loss and hit@1 of the epoch's batches, each before its step."""
        params = self.params
        network.train()
        order = self._epoch_order()
        batches = order.split(params.batch_size)  # type: ignore[no-untyped-call]
        if len(batches) > 1 and len(batches[-1]) < 2 * self.world.size:
            batches = batches[:-1]  # batch normalisation wants two pictures
        totals = torch.zeros(2, dtype=torch.float64, device=self.device)
        for step, batch in enumerate(batches):
            time = epoch + step / len(batches)
            for group in optimizer.param_groups:
                group["lr"] = params.schedule.learning_rate(
                    phase.learning_rate, time=time, epochs=phase.epochs
                )
            own = batch[self.world.rank :: self.world.size]
            share = len(own) / len(batch)  # of the batch; 0 where it is too small for all processes
            x, targets = self._data.batch(own if len(own) else batch[:1])
            with torch.no_grad():
                x = self._change(x, self._draws)
                x, mixture = mixed(x, targets, params.augment, generator=self._draws)
            with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
                logits = network(x.contiguous(memory_format=torch.channels_last))
            loss = self._loss(logits.float(), mixture) * share
            optimizer.zero_grad()
            # The processes' gradients are averaged: a loss is its share of the batch's.
            (loss * self.world.size).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            if self._average is not None:
                self._average.update_parameters(self.network)
            hits = targets.gather(1, logits.argmax(1, keepdim=True)).sum() * (share > 0)
            totals += torch.stack([loss.detach() * len(batch), hits])
        sums = totals.cpu().numpy()
        seen = sum(map(len, batches))
        self.world.sum(sums)
        return float(sums[0] / seen), float(sums[1] / seen)

    def _loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy summed over the labels, averaged over the pictures."""
        smoothing = self.params.label_smoothing
        weights = self._weights if self.params.balance == "weights" else None
        if not self.multilabel:
            return F.cross_entropy(logits, targets, weight=weights, label_smoothing=smoothing)
        targets = targets * (1 - smoothing) + smoothing / 2
        losses = F.binary_cross_entropy_with_logits(
            logits, targets, weight=weights, reduction="none"
        )
        return losses.sum(1).mean()

    def _epoch_order(self) -> Tensor:
        n = len(self._data)
        if self.params.balance == "sampling":
            weights = self._data.targets @ self._weights / self._data.targets.sum(1).clamp(min=1)
            return torch.multinomial(weights.cpu(), n, replacement=True, generator=self._order)
        return torch.randperm(n, generator=self._order)

    def _optimizer(self, phase: Phase) -> torch.optim.Optimizer:
        params = self.params
        if params.optimizer == "sgd":
            return torch.optim.SGD(
                phase.params, phase.learning_rate, momentum=params.momentum,
                nesterov=params.nesterov, weight_decay=params.weight_decay, fused=True,
            )  # fmt: skip
        kind = torch.optim.AdamW if params.optimizer == "adamw" else torch.optim.Adam
        return kind(phase.params, phase.learning_rate, weight_decay=params.weight_decay, fused=True)

    def _keep(self, row: Epoch) -> None:
        history = self.progress.history
        history.append(row)
        best = max(range(len(history)), key=lambda i: history[i].validation_accuracy or 0.0)
        if best + 1 == row.epoch:
            self.progress.best = row.epoch
            if self.params.patience != "none":
                self._best = {k: v.clone() for k, v in self.evaluated.state_dict().items()}

    def _stopped(self) -> bool:
        patience = self.params.patience
        return patience != "none" and len(self.progress.history) - self.progress.best >= patience

    def _state(self, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
        parts = {
            "network": self.network.state_dict(),
            "average": {} if self._average is None else self._average.state_dict(),
            "best": self._best,
            "optimizer": optimizer_tensors(optimizer),
        }
        return {
            f"{part}.{name}": tensor
            for part, tensors in parts.items()
            for name, tensor in tensors.items()
        }

    def _restore(self, tensors: dict[str, Tensor], stored: dict[str, Any]) -> dict[str, Tensor]:
        """Become the trainer that had this state; returns the optimizer's."""
        parts: dict[str, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            part, _, rest = name.partition(".")
            parts.setdefault(part, {})[rest] = tensor
        self.network.load_state_dict(parts["network"])
        if self._average is not None:
            self._average.load_state_dict(parts["average"])
        self._best = {k: v.to(self.device) for k, v in parts.get("best", {}).items()}
        history = [Epoch(**row) for row in stored["history"]]
        self.progress = Course(history, stored["seconds"], stored["best"])
        return parts.get("optimizer", {})


class _Data:
    """Batches of the training pictures, on the device from the start where they fit."""

    def __init__(self, pictures: Pictures, device: torch.device) -> None:
        self.targets = torch.from_numpy(pictures.targets).to(device, torch.float32)
        self._device = device
        self._pixels = torch.from_numpy(pictures.pixels)
        self._rows = torch.from_numpy(pictures.rows)
        if device.type == "cuda":
            size = len(pictures) * self._pixels[:1].nbytes
            if 2 * size < torch.cuda.mem_get_info(device)[0]:
                self._pixels = torch.from_numpy(pictures[:]).to(device)
                self._rows = torch.arange(len(pictures), device=device)

    def __len__(self) -> int:
        return len(self.targets)

    def batch(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """(n, C, H, W) in 0..1 and targets (n, L), on the device."""
        pixels = self._pixels[self._rows[rows.to(self._rows.device)]].to(self._device)
        return as_input(pixels), self.targets[rows.to(self._device)]


def probabilities(
    network: nn.Module,
    pixels: NDArray[np.uint8],
    *,
    multilabel: bool,
    device: torch.device,
    dtype: torch.dtype,
) -> NDArray[np.float32]:
    """(N, H, W, C) uint8 -> (N, L); rows sum to 1 unless `multilabel`."""
    network.eval()
    parts = []
    with torch.inference_mode(), torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
        for rows in _slices(len(pixels)):
            batch = torch.from_numpy(np.ascontiguousarray(pixels[rows])).to(device)
            logits = network(as_input(batch)).float()
            parts.append((logits.sigmoid() if multilabel else logits.softmax(1)).cpu())
    scores: NDArray[np.float32] = torch.cat(parts).numpy()
    return scores


def _slices(n: int) -> list[slice]:
    return [slice(start, start + EVALUATED) for start in range(0, n, EVALUATED)]

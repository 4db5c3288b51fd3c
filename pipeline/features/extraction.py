"""Encoded pictures -> feature vectors: decoding and forward passes, in step and in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.backbones.backbone import Backbone
from pipeline.compute.devices import choose_device
from pipeline.compute.parallel import cores, ordered_map
from pipeline.core.errors import UserError
from pipeline.core.schema import Auto, Precision
from pipeline.features.engines import Choice, Work
from pipeline.features.inference import Engine, Torch, dtype_name, padded, rate, workers
from pipeline.features.network import Network
from pipeline.features.params import Decoder, EngineName, Layers, Pool, Resize
from pipeline.features.preparation import Preparation
from pipeline.features.provenance import provenance

T = TypeVar("T")

FLOAT16_MAX = float(np.finfo(np.float16).max)
CPU_BATCH, CUDA_BATCH = 8, 256  # pictures per forward pass, of one thread and of a GPU


@dataclass(frozen=True)
class Execution:
    """How vectors are computed, not which: `features` in params.yaml, for "auto" see `Extractor`.

    threads: that decode, and on a CPU also compute, a batch each; 0 is one per core.
    """

    device: str = "auto"
    decoder: Decoder = "cpu"
    batch_size: int | Auto = "auto"
    engine: EngineName = "auto"
    threads: int = 0


class Extractor:
    """Feature vectors of encoded pictures from layers of a backbone.

    layers, pool: see `Readout`. resize, scaled_decoding: see `Preparation`. It computes in PyTorch,
    in precision auto in float32, unless it knows by `expect` what there is to do.
    On a CPU every thread takes batches of its own through decoding and the network, so that none
    waits for another; on CUDA the threads decode and one stream computes.

    widths: name of a layer -> its share of the features per picture, D. Errors: `UserError` for
    layers or a device that are not there.
    """

    def __init__(
        self,
        backbone: Backbone,
        *,
        layers: Layers,
        pool: Pool,
        resize: Resize = "squash",
        scaled_decoding: bool = False,
        precision: Precision = "auto",
        execution: Execution = Execution(),
    ) -> None:
        self.device = choose_device(execution.device)
        if execution.decoder == "cuda" and self.device.type != "cuda":
            raise UserError(f"features.decoder is cuda, but the device is {self.device}: use cpu")
        if execution.engine == "openvino" and self.device.type != "cpu":
            raise UserError(
                f"features.engine is openvino, which is for CPUs, but the device is {self.device}: "
                "use auto"
            )
        self._execution = execution
        self.threads = execution.threads or cores()
        self.batch_size: int
        if execution.batch_size == "auto":
            self.batch_size = CUDA_BATCH if self.device.type == "cuda" else CPU_BATCH
        else:
            self.batch_size = execution.batch_size
        self._source = f"{backbone.recipe.name} ({backbone.recipe.weights})"
        self._preparation = Preparation(backbone.recipe, resize, scaled_decoding)
        network = Network(backbone, layers, pool)
        self.widths = network.widths
        self._precision = precision
        dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
        self._engine: Engine = Torch(network, self.device, dtype)
        self._decided = provenance(
            backbone.recipe,
            layers=layers,
            pool=pool,
            resize=resize,
            scaled_decoding=scaled_decoding,
            decoder=execution.decoder,
        )

    @property
    def provenance(self) -> dict[str, Any]:
        """All that decides the vectors, with their widths."""
        return {
            **self._decided,
            "precision": dtype_name(self._engine.precision),
            "widths": [list(item) for item in self.widths.items()],
        }

    @property
    def writers(self) -> int:
        """Threads that keep up with the vectors by writing them: one compresses some 300 MB/s."""
        return max(1, self.threads // (3 if self.device.type == "cuda" else 8))

    @property
    def mode(self) -> str:
        """What was chosen, in words."""
        return self._engine.mode

    def expect(self, pictures: int, first: Sequence[bytes], *, alone: bool = True) -> None:
        """Choose the engine, and the precision where it is auto, by the `first` of so many.

        No batch is larger than their number. alone: whether no other process has a share. Errors:
        `UserError` for an engine that is not there or cannot compute this, `PictureError` for a
        picture that cannot be decoded.
        """
        self.batch_size = min(self.batch_size, pictures)
        choice = Choice(
            self._engine.network,
            Work(pictures, self._prepare(first), alone),
            self.device,
            batch_size=self.batch_size,
            threads=self._streams,
        )
        self._engine = choice.engine(self._execution.engine, self._precision)

    def forward_rate(self, batches: int) -> float:
        """Pictures per second of the forward pass alone, from memory, in this mode."""
        return rate(
            self._engine, batch_size=self.batch_size, threads=self._streams, batches=batches
        )

    @property
    def _streams(self) -> int:
        """Batches that are computed at once."""
        return self.threads if self.device.type == "cpu" else 1

    def vectors(self, pictures: Iterable[bytes]) -> Iterator[NDArray[np.float16]]:
        """(n, D) float16 for batches of pictures, in order; memory holds a few batches.

        Errors: `PictureError` for a picture that cannot be decoded.
        """
        batches = _batched(pictures, self.batch_size)
        if self.device.type == "cuda":
            return self._on_cuda(batches)
        pool = workers(self.device, self.threads)
        return ordered_map(self._on_cpu, batches, pool=pool, ahead=self.threads + 2)

    def _on_cpu(self, pictures: Sequence[bytes]) -> NDArray[np.float16]:
        return self.forward(self._prepare(pictures))

    def _on_cuda(self, batches: Iterator[Sequence[bytes]]) -> Iterator[NDArray[np.float16]]:
        """Each batch is started before the results of the one before it are waited for."""
        prepared: Iterable[Tensor]
        if self._execution.decoder == "cuda":
            prepared = (self._preparation.batch_on(self.device, batch) for batch in batches)
        else:
            decoders = ThreadPoolExecutor(self.threads)
            prepared = ordered_map(self._prepare, batches, pool=decoders, ahead=2 * self.threads)
        started: deque[tuple[Tensor, Tensor, torch.cuda.Event]] = deque()
        for pixels in prepared:
            started.append(self._start_on_cuda(pixels))
            if len(started) > 1:
                yield self._wait(*started.popleft())
        if started:
            yield self._wait(*started.popleft())

    def prepare(self, data: bytes) -> NDArray[np.uint8]:
        """An encoded picture -> (S, S, 3) RGB at the input size. Errors: `PictureError`."""
        return self._preparation.array(data)

    def _prepare(self, pictures: Sequence[bytes]) -> Tensor:
        return torch.from_numpy(np.stack([self.prepare(data) for data in pictures]))

    def forward(self, pixels: Tensor) -> NDArray[np.float16]:
        """(n, S, S, 3) uint8 -> (n, D). Errors: `UserError` for features that are not finite."""
        vectors, finite = self._compute(pixels.to(self.device))
        return self._checked(vectors.cpu(), bool(finite))

    def _compute(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """(n, D) float16 and whether all features were finite, on the device."""
        features = self._engine(padded(pixels, self.batch_size))[: len(pixels)]
        finite = features.isfinite().all()
        return features.clamp(-FLOAT16_MAX, FLOAT16_MAX).half(), finite

    def _start_on_cuda(self, pixels: Tensor) -> tuple[Tensor, Tensor, torch.cuda.Event]:
        """`_compute` begun, its results on the way to this machine's memory until the event."""
        if pixels.device.type == "cpu":
            pixels = pixels.pin_memory().to(self.device, non_blocking=True)
        here = [
            torch.empty(result.shape, dtype=result.dtype, pin_memory=True).copy_(
                result, non_blocking=True
            )
            for result in self._compute(pixels)
        ]
        event: torch.cuda.Event = torch.cuda.Event()  # type: ignore[no-untyped-call]
        event.record()
        return here[0], here[1], event

    def _wait(
        self, vectors: Tensor, finite: Tensor, event: torch.cuda.Event
    ) -> NDArray[np.float16]:
        event.synchronize()
        return self._checked(vectors, bool(finite))

    def _checked(self, vectors: Tensor, finite: bool) -> NDArray[np.float16]:
        if not finite:
            raise UserError(
                f"the backbone {self._source} gave features that are not finite numbers: check "
                "features.weights"
            )
        array: NDArray[np.float16] = vectors.numpy()
        return array


def _batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    remaining = iter(items)
    while batch := list(islice(remaining, size)):
        yield batch

"""Which engine computes, and in which precision: by what they make of the first pictures."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from pipeline.artifacts.vectors import places
from pipeline.compute.devices import choose_precision
from pipeline.core.errors import UserError
from pipeline.core.schema import Precision
from pipeline.features.inference import Engine, Torch, dtype_name, padded, rate, workers
from pipeline.features.network import Network
from pipeline.features.openvino import Converted
from pipeline.features.params import EngineName

# Converting took 2 to 3 s and what is measured here 1 to 3 s, for networks that it made two to six
# times faster.
WORTH_CONVERTING = 4.0  # seconds of work in eager PyTorch
LEAST_COSINE = 0.999  # of a picture's features of a layer in bfloat16 to those in float32
TOLERANCE = 1e-3  # of another engine's features in float32, as a share of the largest

E = TypeVar("E", bound=Engine)


@dataclass(frozen=True)
class Work:
    """What there is to do.

    pictures: how many; first: some of them, (n, S, S, 3) uint8; alone: whether no other process has
    a share, which would have to come to the same precision.
    """

    pictures: int
    first: Tensor
    alone: bool = True


class Choice:
    """The engines that a network could run on, tried on the first of its pictures.

    threads: batches that are computed at once.
    """

    def __init__(
        self, network: Network, work: Work, device: torch.device, *, batch_size: int, threads: int
    ) -> None:
        self.network, self.work, self.device = network, work, device
        self.batch_size, self.threads = batch_size, threads
        self.plain = Torch(network, device, torch.float32)
        start = time.perf_counter()
        self._expected = self._features(self.plain)
        seconds = (time.perf_counter() - start) * work.pictures / len(work.first) / threads
        few = work.pictures < 4 * len(work.first) * threads
        self.short = few or seconds < WORTH_CONVERTING

    def engine(self, name: EngineName, precision: Precision) -> Engine:
        """The engine of this name; auto is OpenVINO on a CPU and PyTorch, compiled where that
        proves faster, on a GPU, but PyTorch as it is for work of a few seconds.

        In precision auto that is float32, and bfloat16 where it turns no picture's features away
        and is faster, as far as the work is worth finding out. Where others have a share, not the
        time decides but the hardware. Features that are not finite are left to who asks for them.
        Errors: `UserError` when an engine asked for by name is not there, or cannot do this.
        """
        if not self._expected.isfinite().all():
            return self.plain
        auto = precision == "auto"
        if auto and not self.work.alone:
            precision = self._settled()
        if self.short and name in ("auto", "torch"):
            return self._eager(torch.bfloat16) if precision == "bfloat16" else self.plain
        dtypes = self._candidates(precision)
        if name == "openvino" or (name == "auto" and self.device.type == "cpu"):
            try:
                return self._fastest(self._converted(), dtypes, check=auto)
            except UserError as error:
                if name == "openvino":
                    raise
                print(f"features: PyTorch computes, as {error}")
        engine = self._fastest(self._eager, dtypes, check=auto)
        if name == "compiled":
            engine.compile(self.batch_size)
        elif name == "auto" and self.device.type == "cuda":
            engine.compile_if_faster(self.work.pictures, batch_size=self.batch_size)
            if engine.compiled and not self._agrees(engine):
                return self._eager(engine.precision)
        return engine

    def _eager(self, precision: torch.dtype) -> Torch:
        return Torch(self.network, self.device, precision)

    def _converted(self) -> Callable[[torch.dtype], Engine]:
        made = Converted(self.network, batch_size=self.batch_size, threads=self.threads)
        if not self._agrees(made.compiled(torch.float32)):
            raise UserError(
                f"OpenVINO gives other features of {self.network.name} than PyTorch: set "
                "features.engine: torch"
            )
        return made.compiled

    def _candidates(self, precision: Precision) -> list[torch.dtype]:
        if precision != "auto":
            return [getattr(torch, precision)]
        return list(dict.fromkeys([torch.float32, choose_precision("auto", self.device)]))

    def _settled(self) -> Precision:
        """The precision that all processes on such hardware come to."""
        dtype = choose_precision("auto", self.device, matrix_unit=True)
        return dtype_name(dtype) if self._agrees(self._eager(dtype)) else "float32"

    def _fastest(
        self, make: Callable[[torch.dtype], E], precisions: list[torch.dtype], *, check: bool
    ) -> E:
        """check: float32 rather than a precision that does not agree."""
        made = [make(precision) for precision in precisions]
        if check:
            made = [of for of in made if of.precision == torch.float32 or self._agrees(of)]
        if not made:
            return make(torch.float32)
        return max(made, key=self._rate) if len(made) > 1 else made[0]

    def _rate(self, engine: Engine) -> float:
        return rate(engine, batch_size=self.batch_size, threads=self.threads, batches=1)

    def _agrees(self, engine: Engine) -> bool:
        """Whether its features of the first pictures are those of PyTorch in float32, in each of
        the layers, which are normalised one by one."""
        features = self._features(engine)
        for _, columns in places(self.network.widths):
            found, expected = features[:, columns], self._expected[:, columns]
            near = (found - expected).abs() <= TOLERANCE * expected.abs().max()
            alike = torch.cosine_similarity(found, expected) >= LEAST_COSINE
            if not (near if engine.precision == torch.float32 else alike).all():
                return False
        return True

    def _features(self, engine: Engine) -> Tensor:
        batches = (
            padded(part, self.batch_size).to(self.device)
            for part in torch.split(self.work.first, self.batch_size)
        )
        with workers(self.device, 1) as pool:
            features = torch.cat([part.cpu() for part in pool.map(engine, batches)])
        return features[: len(self.work.first)]

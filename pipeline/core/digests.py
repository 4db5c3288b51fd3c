"""Short names for contents."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any


def digest(*parts: bytes) -> str:
    """The first 16 hex digits of the SHA-256 of `parts`, one after the other."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(part)
    return whole.hexdigest()[:16]


def json_digest(value: Any) -> str:
    """That of `value` as JSON, whatever the order of its keys."""
    return digest(json.dumps(value, sort_keys=True).encode())


def file_digest(path: Path) -> str:
    """That of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def code_digest(*modules: ModuleType) -> str:
    """That of the files of modules, one after the other."""
    return digest(*(Path(str(module.__file__)).read_bytes() for module in modules))

"""Things that a schema names, so that it need not import what computes."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def dotted(name: str) -> Any:
    """`package.module:thing` -> the thing; its module is imported when it is asked for."""
    module, _, thing = name.partition(":")
    return getattr(import_module(module), thing)

"""What a benchmark ran on, in one line."""

from __future__ import annotations

import datetime
import platform
from importlib.metadata import version
from pathlib import Path

import torch

from pipeline.parallel import cores


def described(*packages: str) -> str:
    """Date, processor, cores, GPU, Python, torch and `packages`."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        processor = names[0].partition(": ")[2] if names else processor
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", *packages))
    return (
        f"{datetime.date.today()}, {cores()} cores of {processor}{gpu}, "
        f"Python {platform.python_version()}, {versions}"
    )

"""What a benchmark ran on, in one line."""

from __future__ import annotations

import datetime
import platform
import resource
from importlib.metadata import version
from pathlib import Path

import torch

from pipeline.compute.parallel import cores


def peak_memory() -> float:
    """Bytes that this process held at most. On Linux not what its parent held, as ru_maxrss is."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return 1024 * float(line.split()[1])
    unit = 1 if platform.system() == "Darwin" else 1024
    return float(unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


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

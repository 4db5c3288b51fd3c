"""Memory that is freed and taken again."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import resource
from pipeline.cnns.memory import keep_freed_memory

if {keep}:
    keep_freed_memory()
faults = []
for _ in range(4):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    b"x" * 64_000_000
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(faults[-1])
"""


def faults(*, keep: bool) -> int:
    """Pages that the system had to find for as many bytes as were freed before."""
    run = [sys.executable, "-c", CODE.format(keep=keep)]
    return int(subprocess.run(run, check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing changes")
def test_freed_memory_is_used_again():
    assert faults(keep=False) > 1000
    assert faults(keep=True) < 10

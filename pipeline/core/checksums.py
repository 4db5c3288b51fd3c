"""Checksums of contents: XXH3, which a core computes at some 15 GB/s."""

from __future__ import annotations

import mmap
from pathlib import Path

import xxhash

LENGTH = 8  # bytes of `short`


def checksum(*parts: bytes | memoryview) -> str:
    """Of `parts`, one after the other: 32 hex digits."""
    whole = xxhash.xxh3_128()
    for part in parts:
        whole.update(part)
    return whole.hexdigest()


def file_checksum(path: Path) -> str:
    """Of a file, 32 hex digits."""
    with path.open("rb") as file:
        if not path.stat().st_size:  # nothing cannot be mapped
            return checksum()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return xxhash.xxh3_128_hexdigest(content)


def short(*parts: bytes | memoryview) -> bytes:
    """Of `parts`, one after the other: LENGTH bytes."""
    whole = xxhash.xxh3_64()
    for part in parts:
        whole.update(part)
    return whole.digest()

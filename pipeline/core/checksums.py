"""Checksums of files: XXH3, which a core computes at some 15 GB/s."""

from __future__ import annotations

import mmap
from pathlib import Path

import xxhash

LENGTH = 8  # bytes of `short`


def checksum(path: Path) -> str:
    """Of a whole file, 32 hex digits."""
    with path.open("rb") as file:
        if not file.seek(0, 2):  # an empty file cannot be mapped
            return xxhash.xxh3_128_hexdigest(b"")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            return xxhash.xxh3_128_hexdigest(mapped)


def text_checksum(data: bytes) -> str:
    """Of bytes, 32 hex digits."""
    return xxhash.xxh3_128_hexdigest(data)


def short(*parts: bytes | memoryview) -> bytes:
    """Of `parts`, one after the other: LENGTH bytes."""
    whole = xxhash.xxh3_64()
    for part in parts:
        whole.update(part)
    return whole.digest()

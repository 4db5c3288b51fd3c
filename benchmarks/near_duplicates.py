"""The search for near copies, beside comparing every picture with every other.

    python benchmarks/near_duplicates.py [--pictures 5000 20000 80000 --distance 4 --folder FOLDER]

The hashes are random, one in a hundred a copy with up to `--distance` bits changed; with a folder
they are those of the pictures below it, drawn at random. Each search takes one thread; alternately,
the best of three. Both find the same pairs. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from hardware import described

from pipeline.compute.parallel import ordered_map
from pipeline.compute.pictures import PictureError, decode_rgb
from pipeline.ingest.hashing import Codes, Indices, pairs_within, perceptual_hash


def random_codes(n: int, distance: int, rng: np.random.Generator) -> Codes:
    codes = rng.integers(0, 2**64, n, dtype=np.uint64)
    for i in range(n // 100):
        bits = rng.choice(64, rng.integers(0, distance + 1), replace=False).astype(np.uint64)
        codes[i] = codes[-1 - i] ^ (np.uint64(1) << bits).sum(dtype=np.uint64)
    return codes


def hashed(path: Path) -> int | None:
    try:
        return perceptual_hash(decode_rgb(path.read_bytes()))
    except PictureError:
        return None


def every_pair(codes: Codes, distance: int) -> Indices:
    found = []
    for start in range(0, len(codes), 256):
        block = codes[start : start + 256, None]
        first, second = np.nonzero(np.bitwise_count(block ^ codes[start:]) <= distance)
        found.append(np.column_stack([first, second])[first < second] + start)
    return np.concatenate(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, nargs="+", default=[5000, 20_000, 80_000])
    parser.add_argument("--distance", type=int, default=4)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    drawn = np.empty(0, np.uint64)
    if given.folder:
        files = [path for path in sorted(given.folder.rglob("*")) if path.is_file()]
        codes = [code for code in ordered_map(hashed, files) if code is not None]
        drawn = rng.permutation(np.array(codes, dtype=np.uint64))
    print(f"{given.distance} bits of 64; {described('numpy')}\n")
    print("| pictures | pairs | search, seconds | every pair, seconds |")
    print("|---|---|---|---|")
    for n in given.pictures:
        codes = drawn[:n] if given.folder else random_codes(n, given.distance, rng)
        seconds: dict[str, list[float]] = {"search": [], "every": []}
        for _ in range(3):
            start = time.perf_counter()
            found, _ = pairs_within(codes, given.distance, most=n * n)
            seconds["search"].append(time.perf_counter() - start)
            start = time.perf_counter()
            every = every_pair(codes, given.distance)
            seconds["every"].append(time.perf_counter() - start)
            if not np.array_equal(found, every):
                raise SystemExit("the two differ")
        print(
            f"| {len(codes)} | {len(found)} | {min(seconds['search']):.3f} "
            f"| {min(seconds['every']):.2f} |"
        )


if __name__ == "__main__":
    main()

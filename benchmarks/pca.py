"""StreamingPCA beside scikit-learn's randomized PCA, each reading the same shards.

    python benchmarks/pca.py [--rows 8355 --columns 100352 --components 100 --repeats 3]

The rows imitate a network's last feature maps: ReLU of 512 latent directions, variances falling as
k^-0.75, with as much noise and a mean of its own for each column; about 0.6 of the values are 0.
Every fit runs in a process of its own, so that its peak memory is its own. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from hardware import described, peak_memory
from threadpoolctl import threadpool_limits

from pipeline.artifacts.vectors import VectorStore
from pipeline.compute.parallel import ordered_map
from pipeline.core.parquet import shard_ids
from pipeline.pca.streaming import StreamingPCA

LATENT = 512
ROWS = 128


def features(rows: int, columns: int) -> Iterator[np.ndarray]:
    """(<= ROWS, columns) float16, `rows` in all."""
    generator = torch.Generator().manual_seed(0)
    deviations = torch.arange(1, LATENT + 1) ** -0.375
    directions = torch.randn(LATENT, columns, generator=generator) * deviations[:, None]
    noise = float(deviations.square().sum().sqrt())
    offsets = 3 * torch.randn(columns, generator=generator) - 3
    for start in range(0, rows, ROWS):
        n = min(ROWS, rows - start)
        X = torch.randn(n, columns, generator=generator).mul_(noise).add_(offsets)
        X.addmm_(torch.randn(n, LATENT, generator=generator), directions)
        yield X.relu_().mul_(0.1).half().numpy()


def write(folder: Path, rows: int, columns: int) -> None:
    store = VectorStore.of({"widths": [["last", columns]]}, folder)
    for number, X in enumerate(features(rows, columns)):
        store.write([f"{number} {i}" for i in range(len(X))], X, mode="painted")


def blocks(folder: Path) -> Iterator[np.ndarray]:
    """Shard by shard, read in threads ahead of what is done with them."""
    store = VectorStore.open(folder)
    ids = sorted((shard_ids(path) for path in folder.iterdir()), key=lambda i: int(i[0].split()[0]))
    return ordered_map(store.read, ids, ahead=3)


def fit_ours(folder: Path, components: int) -> np.ndarray:
    return StreamingPCA(components).fit_stream(lambda: blocks(folder)).components_


def fit_sklearn(folder: Path, components: int) -> np.ndarray:
    from sklearn.decomposition import PCA

    rows = sum(len(shard_ids(path)) for path in folder.iterdir())
    X = np.empty((rows, VectorStore.open(folder).dimension), np.float32)
    start = 0
    for block in blocks(folder):
        X[start : start + len(block)] = block
        start += len(block)
    pca = PCA(components, svd_solver="randomized", copy=False, random_state=0)
    return pca.fit(X).components_


FITS = {"ours": fit_ours, "scikit-learn": fit_sklearn}


def measure(name: str, folder: Path, components: int, output: Path) -> None:
    """One fit, in this process: seconds and peak memory as JSON on stdout, components saved."""
    torch.set_num_threads(2)
    with threadpool_limits(2):
        start = time.perf_counter()
        found = FITS[name](folder, components)
        seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "peak": peak_memory()}))
    np.save(output, found)


def run(name: str, folder: Path, components: int, output: Path) -> dict[str, float]:
    command = [sys.executable, __file__, "--measure", name, folder, output]
    command += ["--components", str(components)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def variances(folder: Path, bases: list[np.ndarray]) -> list[float]:
    """The rows' variance along each of `bases` (K, D), orthonormal."""
    stacked = torch.from_numpy(np.concatenate(bases))
    projected = torch.cat(
        [torch.from_numpy(b.astype(np.float32)) @ stacked.T for b in blocks(folder)]
    )
    return [float(part.double().var(0).sum()) for part in projected.split(len(bases[0]), dim=1)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=8355)
    parser.add_argument("--columns", type=int, default=100_352)
    parser.add_argument("--components", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        name, folder, output = given.measure
        measure(name, Path(folder), given.components, Path(output))
        return
    with tempfile.TemporaryDirectory() as temporary:
        compare(Path(temporary), given)


def compare(folder: Path, given: argparse.Namespace) -> None:
    write(folder / "once", given.rows, given.columns)
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in FITS}
    for _ in range(given.repeats):
        for name, results in runs.items():
            results.append(run(name, folder / "once", given.components, folder / f"{name}.npy"))
    ours, theirs = variances(folder / "once", [np.load(folder / f"{name}.npy") for name in FITS])
    write(folder / "twice", 2 * given.rows, given.columns)
    twice = run("ours", folder / "twice", given.components, folder / "twice.npy")
    print(
        f"{given.rows} x {given.columns} float16, {given.components} components; "
        f"{described('scikit-learn')}; 2 threads\n"
    )
    print("| | seconds, median (min-max) | peak memory | captured variance |")
    print("|---|---|---|---|")
    medians = {}
    for name, share in (("scikit-learn", 1.0), ("ours", ours / theirs)):
        seconds = sorted(r["seconds"] for r in runs[name])
        medians[name] = statistics.median(seconds)
        peak = max(r["peak"] for r in runs[name]) / 1e9
        spread = f"{medians[name]:.1f} ({seconds[0]:.1f}-{seconds[-1]:.1f})"
        print(f"| {name} | {spread} | {peak:.2f} GB | {share:.5f} |")
    print(f"| ours, twice the rows | {twice['seconds']:.1f} | {twice['peak'] / 1e9:.2f} GB | |")
    print(f"\nscikit-learn / ours: {medians['scikit-learn'] / medians['ours']:.2f}")


if __name__ == "__main__":
    main()

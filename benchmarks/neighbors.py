"""Nearest neighbours and centroids by SSIM and other distances, beside scikit-image pair by pair.

    python benchmarks/neighbors.py [--test 1000 --training 50000 --pictures FOLDER
        --distances ssim --neighbors 1 --centroid --pairs 2000]

Without a folder the pictures are painted, 32 x 32 RGB, of random labels. A folder holds
{train,test}/CLASS/*, pictures of one size; so many of them are drawn at random, and accuracy is
shown. Seconds are those of `fit` and `predict`; peak memory is the process's after them, with the
pictures. scikit-image's time is that of `--pairs` pairs in one thread, extrapolated to all.
Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.classifiers.neighbors import CentroidClassifier, NeighborsClassifier
from pipeline.compute.parallel import ordered_map


def painted(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(count, 32, 32, 3) in [0, 255] and labels: patches of 4 x 4 pixels with noise over them."""
    patches = rng.integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
    noise = rng.integers(0, 32, (count, 32, 32, 3), dtype=np.uint8)
    return patches.repeat(4, axis=1).repeat(4, axis=2) // 2 + noise, rng.integers(10, size=count)


def read(folder: Path, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """`count` pictures of FOLDER/CLASS/*, (count, H, W, C), and their classes."""
    paths = sorted(folder.glob("*/*"))
    drawn = [paths[i] for i in rng.permutation(len(paths))[:count]]
    pictures = np.stack(list(ordered_map(lambda path: np.asarray(Image.open(path)), drawn)))
    return pictures, np.array([path.parent.name for path in drawn])


def skimage_seconds(A: np.ndarray, B: np.ndarray, pairs: int) -> float:
    """Of one pair."""
    from skimage.metrics import structural_similarity

    start = time.perf_counter()
    for i in range(pairs):
        a, b = A[i % len(A)], B[i % len(B)]
        structural_similarity(a, b, win_size=7, data_range=255, channel_axis=-1)
    return (time.perf_counter() - start) / pairs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--test", type=int, default=1000)
    parser.add_argument("--training", type=int, default=50_000)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--distances", nargs="+", default=["ssim"])
    parser.add_argument("--neighbors", nargs="*", type=int, default=[1])
    parser.add_argument("--centroid", action="store_true")
    parser.add_argument("--pairs", type=int, default=2000)
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    (training, y), (test, y_test) = (
        read(given.pictures / part, count, rng) if given.pictures else painted(count, rng)
        for part, count in (("train", given.training), ("test", given.test))
    )
    shape = training.shape[1:]
    X, X_test = (
        pictures.reshape(len(pictures), -1).astype(np.float32) for pictures in (training, test)
    )
    rows = []
    for distance in given.distances:
        classifiers = {
            f"{distance}, k = {k}": NeighborsClassifier(k, distance=distance, image_shape=shape)
            for k in given.neighbors
        }
        if given.centroid:
            classifiers[f"{distance}, centroid"] = CentroidClassifier(
                distance=distance, image_shape=shape
            )
        for name, classifier in classifiers.items():
            start = time.perf_counter()
            predicted = classifier.fit(X, y).predict(X_test)
            seconds = time.perf_counter() - start
            accuracy = f"{(predicted == y_test).mean():.4f}" if given.pictures else ""
            rows.append(f"| {name} | {seconds:.1f} | {accuracy} |")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    hours = skimage_seconds(test, training, given.pairs) * len(test) * len(training) / 3600
    from hardware import described  # torch would count in the memory

    print(
        f"{len(test)} x {len(training)} pictures of {' x '.join(map(str, shape))}; "
        f"{described('scikit-learn', 'scikit-image')}; peak memory {peak / 1e9:.2f} GB\n"
    )
    print("| | seconds | accuracy |")
    print("|---|---|---|")
    print("\n".join(rows))
    print(f"| scikit-image's ssim, extrapolated | {3600 * hours:.0f} ({hours:.1f} h) | |")


if __name__ == "__main__":
    main()

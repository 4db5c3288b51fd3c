"""Extraction and PCA on a GPU: right first, then how fast and what is the limit.

    python benchmarks/gpu.py [--count 20000] [--rows 50000]

Without a GPU the same lines run on the CPU; then give small numbers. Needs neither DVC nor the
parameters' file. ResNet-50 has random weights: the speed is that of any.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from extraction import painted, write_images
from hardware import described
from pca import features

from pipeline.artifacts.vectors import VectorStore
from pipeline.backbones.backbone import Backbone
from pipeline.backbones.weights import make_backbone
from pipeline.compute.distributed import World
from pipeline.compute.parallel import ordered_map
from pipeline.core.parquet import Shards, shard_ids
from pipeline.features.extraction import Execution, Extractor
from pipeline.features.missing import extract, plan
from pipeline.features.params import EngineName
from pipeline.pca.streaming import StreamingPCA

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
ENGINES: tuple[EngineName, ...] = ("torch", "compiled")
DISTINCT = 500  # pictures painted; the shards repeat them


def correctness(backbone: Backbone, pictures: list[bytes]) -> Iterator[str]:
    """The least cosine similarity to float32 on the CPU, for each way of computing."""
    expected = vectors(Extractor(backbone, layers="last", pool="spatial", precision="float32",
                                 execution=Execution(device="cpu")), pictures)  # fmt: skip
    decoders = ("cpu", "cuda") if DEVICE == "cuda" else ("cpu",)
    for precision in ("float32", "bfloat16"):
        for engine in ENGINES:
            for decoder in decoders:
                execution = Execution(device=DEVICE, decoder=decoder, engine=engine)
                extractor = Extractor(
                    backbone,
                    layers="last",
                    pool="spatial",
                    precision=precision,
                    execution=execution,
                )
                extractor.expect(len(pictures), pictures)
                found = vectors(extractor, pictures)
                cosine = (found * expected).sum(1) / (
                    np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
                )
                yield f"| {extractor.mode} | {decoder} | {cosine.min():.6f} |"


def vectors(extractor: Extractor, pictures: Iterable[bytes]) -> np.ndarray:
    return np.concatenate(list(extractor.vectors(pictures))).astype(np.float64)


def forward_rates(backbone: Backbone, pictures: list[bytes]) -> Iterator[str]:
    for size in (64, 128, 256, 512) if DEVICE == "cuda" else (8, 16):
        for engine in ENGINES:
            execution = Execution(device=DEVICE, batch_size=size, engine=engine)
            extractor = Extractor(
                backbone,
                layers="last",
                pool="spatial",
                precision="bfloat16",
                execution=execution,
            )
            extractor.expect(size, pictures)
            rates = sorted(extractor.forward_rate(batches=20) for _ in range(3))
            low, middle, high = rates
            yield f"| {extractor.mode} | {size} | {middle:.0f} ({low:.0f} to {high:.0f}) |"


def end_to_end(
    backbone: Backbone, folder: Path, pictures: list[bytes], count: int
) -> Iterator[str]:
    """Shards of JPEGs to shards of vectors, and each part of the way alone, in pictures/s."""
    write_images(folder, pictures, range(count))
    images = Shards(folder / "images")
    for pool in ("spatial", "head"):
        for decoder in ("cpu", "cuda") if DEVICE == "cuda" else ("cpu",):
            execution = Execution(device=DEVICE, decoder=decoder)
            extractor = Extractor(backbone, layers="last", pool=pool, execution=execution)
            extractor.expect(count, pictures)
            store = VectorStore.of(extractor.provenance, folder / pool)
            work = plan(images, store, World())
            start = time.perf_counter()
            extract(work, store, extractor, what="features")
            seconds = time.perf_counter() - start
            yield (
                f"| {pool} | {decoder} | {count / seconds:.0f} | "
                f"{decode_rate(extractor, pictures):.0f} | "
                f"{extractor.forward_rate(batches=20):.0f} | "
                f"{write_rate(extractor, images, store, folder):.0f} |"
            )
            shutil.rmtree(store.folder)


def decode_rate(extractor: Extractor, pictures: list[bytes]) -> float:
    """By Pillow, in all threads."""
    start = time.perf_counter()
    for _ in ordered_map(extractor.prepare, pictures, pool=ThreadPoolExecutor(extractor.threads)):
        pass
    return len(pictures) / (time.perf_counter() - start)


def write_rate(extractor: Extractor, images: Shards, store: VectorStore, folder: Path) -> float:
    """Of the vectors already computed, by as many writers as the stage has."""
    again = VectorStore.of(store.provenance, folder / "again")
    ids = [shard_ids(path) for path in images.paths[:40]]
    vectors = [store.read(i) for i in ids]
    start = time.perf_counter()
    with ThreadPoolExecutor(extractor.writers) as pool:
        list(
            pool.map(lambda pair: again.write(*pair, mode="again"), zip(ids, vectors, strict=True))
        )
    seconds = time.perf_counter() - start
    shutil.rmtree(again.folder)
    return sum(map(len, ids)) / seconds


def pca(folder: Path, rows: int, columns: int) -> Iterator[str]:
    """100 components, beside a pass that only reads."""
    store = VectorStore.of({"widths": [["last", columns]]}, folder / "rows")
    shards = []
    for number, block in enumerate(features(rows, columns)):
        shards.append([f"{number} {i}" for i in range(len(block))])
        store.write(shards[-1], block, mode="painted")

    def blocks() -> Iterator[np.ndarray]:
        return ordered_map(store.read, shards)

    start = time.perf_counter()
    for _ in blocks():
        pass
    reading = time.perf_counter() - start
    start = time.perf_counter()
    fitted = StreamingPCA(100).fit_stream(blocks)
    seconds = time.perf_counter() - start
    share = fitted.explained_variance_ratio_.sum()
    passes = fitted.n_passes + 1  # the first is for mean and sample
    yield (
        f"| {rows} x {columns} | {reading:.1f} | {seconds:.1f} | {passes} | "
        f"{seconds / reading / passes:.2f} | {share:.4f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000, help="pictures end to end")
    parser.add_argument("--rows", type=int, default=50_000, help="rows of the PCA")
    parser.add_argument("--columns", type=int, default=100_352)
    options = parser.parse_args()
    print(f"{described('timm')}\n")
    backbone = make_backbone("resnet50", "random", pretrained_dir=Path(), seed=0)
    pictures = painted(DISTINCT if DEVICE == "cuda" else 32)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for head, lines in (
            ("mode | decoder | least cosine to float32 on the CPU",
             correctness(backbone, pictures[:128])),
            ("mode | batch | forward, pictures/s", forward_rates(backbone, pictures)),
            ("pool | decoder | end to end | decoding by Pillow | forward | writing",
             end_to_end(backbone, folder, pictures, options.count)),
            ("PCA | one reading, s | fit, s | passes | of the reading | captured",
             pca(folder, options.rows, options.columns)),
        ):  # fmt: skip
            print(f"| {head} |\n{'|---' * (head.count('|') + 1)}|", flush=True)
            for line in lines:
                print(line, flush=True)
            print()


if __name__ == "__main__":
    main()

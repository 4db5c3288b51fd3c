"""Feature extraction against a plain timm and torchvision loop, alternately.

    python benchmarks/extraction.py [--pictures FOLDER] [--count 500] [--repeats 3] [--engine auto]

Every run is a process of its own. Rates leave out its start-up: imports, weights, and the choice of
an engine, whose seconds stand beside them. Both read the same JPEG shards and write the same
Parquet. Without a folder of pictures they are painted. Further tables: the features against float32
eager ones from timm's own preprocessing, memory when the pictures double, and ten pictures added.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from hardware import described, peak_memory
from PIL import Image
from timm.data import create_transform
from torch.utils.data import DataLoader, Dataset

from pipeline.artifacts.images import images_schema
from pipeline.artifacts.vectors import VectorStore
from pipeline.backbones.backbone import Backbone
from pipeline.backbones.weights import make_backbone
from pipeline.compute.distributed import World
from pipeline.core.parquet import Shards, read_rows, shard_ids, write_shards
from pipeline.features.extraction import Execution, Extractor
from pipeline.features.missing import Plan, expect, extract, plan

CASES = {"resnet50": ("random", "spatial"), "tf_efficientnet_lite0": ("packaged", "head")}
BATCH = 32  # of the plain loop


class JpegShards(Dataset):  # type: ignore[type-arg]
    """As one writes it: all encoded pictures in memory, decoded and transformed by the workers."""

    def __init__(self, folder: Path, transform: Any) -> None:
        paths = Shards(folder).paths
        self.data = [d for p in paths for d in read_rows(p, ["image"])["image"].to_pylist()]
        self.transform = transform

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> torch.Tensor:
        image = Image.open(io.BytesIO(self.data[index]["bytes"])).convert("RGB")
        return self.transform(image)


def load(folder: Path) -> tuple[Backbone, str]:
    backbone = Backbone.load(folder / "backbone.safetensors")
    return backbone, CASES[backbone.recipe.name][1]


def plain(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """float32, eager, torch's own threads, a DataLoader of two workers."""
    backbone, pool = load(folder)
    recipe = backbone.recipe
    transform = create_transform(
        recipe.input_size, interpolation=recipe.interpolation, mean=recipe.mean, std=recipe.std,
        crop_pct=1.0, crop_mode="squash",
    )  # fmt: skip
    pictures = JpegShards(folder / "images", transform)
    torch.set_num_threads(options.threads)
    start = time.perf_counter()
    parts = []
    with torch.inference_mode():
        for images in DataLoader(pictures, batch_size=BATCH, num_workers=2):
            maps = backbone.trunk.forward_features(images)
            features = maps.flatten(1) if pool == "spatial" else maps.mean((2, 3))
            parts.append(features.half().numpy())
    vectors = np.concatenate(parts)
    store = VectorStore.of({"widths": [["last", vectors.shape[1]]]}, folder / "plain")
    for path in Shards(folder / "images").paths:
        ids = shard_ids(path)
        store.write(ids, vectors[: len(ids)], mode="plain")
        vectors = vectors[len(ids) :]
    return {"rate": len(pictures) / (time.perf_counter() - start)}


def ours(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """The stage's own way."""
    extractor, work, chosen = prepared(folder, "ours", options)
    store = VectorStore.of(extractor.provenance, folder / "ours")
    start = time.perf_counter()
    extract(work, store, extractor, what="features")
    seconds = time.perf_counter() - start
    return {
        "rate": work.new / seconds, "new": work.new, "seconds": seconds, "mode": extractor.mode,
        "chosen": chosen,
    }  # fmt: skip


def bare(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """The forward pass alone, of pictures that lie in memory, in the same mode and threads."""
    extractor, _, _ = prepared(folder, "bare", options)
    return {"rate": extractor.forward_rate(batches=10)}


def prepared(folder: Path, name: str, options: argparse.Namespace) -> tuple[Extractor, Plan, float]:
    """The extractor with its engine, what it has to do, and the seconds that choosing took."""
    backbone, pool = load(folder)
    found = VectorStore.found({}, folder / name)
    extractor = Extractor(
        backbone, layers="last", pool=pool,
        precision=found.provenance["precision"] if found else options.precision,
        execution=Execution(threads=options.threads, engine=options.engine),
    )  # fmt: skip
    pictures = Shards(folder / "images")
    work = plan(pictures, VectorStore.of(extractor.provenance, folder / name), World())
    start = time.perf_counter()
    expect(work, extractor, pictures, alone=True)
    return extractor, work, time.perf_counter() - start


ROLES = {"plain": plain, "ours": ours, "bare": bare}


def run(role: str, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """A role in a process of its own, with its peak memory."""
    passed = [f"--{k}={getattr(options, k)}" for k in ("threads", "engine", "precision", "count")]
    command = [sys.executable, __file__, "--role", role, str(folder), *passed]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def encoded(options: argparse.Namespace) -> list[bytes]:
    if not options.pictures:
        return painted(options.count)
    files = sorted(p for p in options.pictures.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg"))
    step = max(1, len(files) // options.count)
    return [path.read_bytes() for path in files[::step][: options.count]]


def painted(count: int) -> list[bytes]:
    """JPEGs of 224 px, some 15 kB each: coarse colours with some noise."""
    rng = np.random.default_rng(0)
    pictures = []
    for _ in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (14, 14, 3), dtype=np.uint8))
        pixels = np.asarray(coarse.resize((224, 224), Image.Resampling.BICUBIC), np.float32)
        pixels += 6 * rng.standard_normal((224, 224, 1), dtype=np.float32)
        buffer = io.BytesIO()
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=85)
        pictures.append(buffer.getvalue())
    return pictures


def write_images(folder: Path, pictures: list[bytes], numbers: Iterable[int]) -> None:
    """Shards of the pictures of these numbers, which begin anew where there are no more."""
    schema = images_schema(classes=["a"])
    rows = (
        {
            "image_id": f"{i * 2654435761 % 2**64:016x}",
            "image": {"bytes": pictures[i % len(pictures)], "path": f"{i}.jpg"},
            "labels": ["a"], "artist": None, "split": "train", "width": 224, "height": 224,
        }
        for i in numbers
    )  # fmt: skip
    write_shards(folder / "images", schema, (pa.RecordBatch.from_pylist([r], schema) for r in rows))


def cosines(folder: Path) -> np.ndarray:
    """Of each picture's vector by ours and by the plain loop."""
    stores = [VectorStore.open(folder / name) for name in ("ours", "plain")]
    parts = []
    for path in Shards(folder / "images").paths:
        a, b = (store.read(shard_ids(path)).astype(np.float64) for store in stores)
        parts.append((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1))
    return np.concatenate(parts)


def fresh(folder: Path, name: str) -> None:
    for path in (folder / name).glob("*"):
        path.unlink()


def spread(values: list[float], form: str = ".1f") -> str:
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def compare(folder: Path, options: argparse.Namespace) -> str:
    rates: dict[str, list[float]] = {role: [] for role in ROLES}
    chosen: list[float] = []
    mode = ""
    for _ in range(options.repeats):
        for role in ROLES:
            fresh(folder, role)
            result = run(role, folder, options)
            rates[role].append(result["rate"])
            if role == "ours":
                mode = result["mode"]
                chosen.append(result["chosen"])
    middle = {role: statistics.median(values) for role, values in rates.items()}
    similar = cosines(folder)
    return (
        f"| {folder.name}, {CASES[folder.name][1]}, {mode} | {spread(rates['plain'])} | "
        f"{spread(rates['ours'])} | "
        f"**{middle['ours'] / middle['plain']:.2f}** | {spread(rates['bare'])} | "
        f"**{middle['ours'] / middle['bare']:.2f}** | {spread(chosen)} | {similar.min():.5f} |"
    )


def double(folder: Path, options: argparse.Namespace, pictures: list[bytes]) -> str:
    """Peak memory of so many pictures and of twice as many."""
    peaks = []
    for factor in (1, 2):
        fresh(folder, "ours")
        write_images(folder, pictures, range(factor * options.count))
        peaks.append(run("ours", folder, options)["peak_mb"])
    return f"| {folder.name} | {peaks[0]:.0f} | {peaks[1]:.0f} | {peaks[1] / peaks[0] - 1:+.1%} |"


def add(folder: Path, options: argparse.Namespace, pictures: list[bytes]) -> str:
    """Ten pictures more, in ten places among four times `count`."""
    total, step = 4 * options.count, 4 * options.count // 10
    fresh(folder, "ours")
    write_images(folder, pictures, range(total))
    full = run("ours", folder, options)
    places = (range(i * step, (i + 1) * step) for i in range(10))
    more = ([*place, total + i] for i, place in enumerate(places))
    write_images(folder, pictures, (number for place in more for number in place))
    extra = run("ours", folder, options)
    return (
        f"| {folder.name} | {full['new']} in {full['seconds']:.1f} s | {extra['new']} in "
        f"{extra['seconds']:.2f} s | {full['seconds'] / extra['seconds']:.0f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, help="folder of JPEGs (default: painted)")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--role", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.role:
        result = ROLES[options.role[0]](Path(options.role[1]), options)
        print(json.dumps({**result, "peak_mb": peak_memory() / 1e6}))
        return
    pictures = encoded(options)
    speeds, peaks, additions = [], [], []
    with tempfile.TemporaryDirectory() as temporary:
        for name, (weights, _) in CASES.items():
            folder = Path(temporary) / name
            made = make_backbone(name, weights, pretrained_dir=Path(), seed=0)
            made.save(folder / "backbone.safetensors")
            write_images(folder, pictures, range(options.count))
            speeds.append(compare(folder, options))
            peaks.append(double(folder, options, pictures))
            additions.append(add(folder, options, pictures))
            shutil.rmtree(folder)
    print(f"{described()}; {options.threads} threads; {options.count} JPEGs of 224 px\n")
    print("| features | plain loop, pictures/s | ours | ratio | bare forward | ours of it | "
          f"choice, s | least cosine |\n{'|---' * 8}|", *speeds, sep="\n")  # fmt: skip
    print("\n| peak MB | once | twice the pictures | |\n|---|---|---|---|", *peaks, sep="\n")
    print("\n| ten added | all | ten more | ratio |\n|---|---|---|---|", *additions, sep="\n")


if __name__ == "__main__":
    main()

"""Ingest of pictures in class folders beside `datasets`' imagefolder written to Parquet.

    python benchmarks/ingest.py [--pictures 20000 --repeats 3]

Distinct JPEGs of 224 x 224, smooth noise, in 20 folders. Ours is the whole stage as `dvc repro`
runs it: every picture is decoded, known by its content, screened for copies, split, compared with
all others and written. The peer lists the files, puts their bytes into one table, in batches of 100
as its `push_to_hub` does, and writes it to Parquet; nothing is decoded. Both are processes of their
own, imports included, by turns and `--repeats` times over; memory is the most that the process
held. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from hardware import described
from PIL import Image
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
CLASSES, SIDE = 20, 224
KEPT = ("raw", "params.yaml")

OURS = """
import runpy, sys
sys.argv = ["pipeline", "ingest"]
runpy.run_module("pipeline", run_name="__main__")
"""
DATASETS = """
from datasets import load_dataset
from datasets.table import embed_table_storage
found = load_dataset("imagefolder", data_dir="raw", split="train", cache_dir="cache")
found = found.with_format("arrow").map(
    embed_table_storage, batched=True, batch_size=100, keep_in_memory=True
)
found.with_format(None).to_parquet("images.parquet", batch_size=100)
"""
PEAK = """
import platform, resource
from pathlib import Path
status = Path("/proc/self/status")
if status.exists():  # not what the parent held, as ru_maxrss is
    line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
    peak = 1024 * int(line.split()[1])
else:
    unit = 1 if platform.system() == "Darwin" else 1024
    peak = unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print()
print(peak)
"""


def paint(folder: Path, pictures: int) -> None:
    """So many files in CLASSES folders, about 8 kB each."""
    for i in range(pictures):
        rng = np.random.default_rng(i)
        coarse = Image.fromarray(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8))
        buffer = io.BytesIO()
        coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=85)
        path = folder / f"class {i % CLASSES:02}" / f"{i:06}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(buffer.getvalue())


def prepare(folder: Path) -> None:
    """The project's parameters, with the pictures of `folder / "raw"`."""
    yaml = YAML()
    params = yaml.load(ROOT / "params.yaml")
    params["ingest"] |= {"input": "raw", "source": {"kind": "folder"}}
    yaml.dump(params, folder / "params.yaml")


def measure(code: str, folder: Path, made: str) -> tuple[float, float]:
    """Seconds and peak bytes of a process that runs `code` in `folder` and makes `made`."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code + PEAK], cwd=folder, check=True, stdout=subprocess.PIPE,
        text=True, env={**os.environ, **offline, "PYTHONPATH": path},
    )  # fmt: skip
    seconds = time.perf_counter() - start
    if not (folder / made).exists():
        raise RuntimeError(f"{folder / made} was not written")
    for path in [path for path in folder.iterdir() if path.name not in KEPT]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    return seconds, float(done.stdout.split()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    found: dict[str, list[tuple[float, float]]] = {"datasets": [], "ours": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paint(folder / "raw", given.pictures)
        prepare(folder)
        for _ in range(given.repeats):
            found["datasets"].append(measure(DATASETS, folder, "images.parquet"))
            found["ours"].append(measure(OURS, folder, "data/images"))
    print(
        f"{described('datasets', 'pillow', 'pyarrow')}; {given.pictures} JPEGs of {SIDE} px, "
        f"median of {given.repeats} (least-most)\n"
    )
    print("| | seconds | peak MB |")
    print("|---|---|---|")
    medians = {}
    for who, rows in found.items():
        seconds, peaks = zip(*rows, strict=True)
        medians[who] = statistics.median(seconds), statistics.median(peaks) / 1e6
        spread = f"({min(seconds):.1f}-{max(seconds):.1f})"
        print(f"| {who} | {medians[who][0]:.1f} {spread} | {medians[who][1]:.0f} |")
    speed, memory = (p / o for p, o in zip(medians["datasets"], medians["ours"], strict=True))
    print(f"| datasets / ours | {speed:.2f} | {memory:.2f} |")


if __name__ == "__main__":
    main()

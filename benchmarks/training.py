"""The training of networks on pixels beside a plain PyTorch loop with a DataLoader.

    python benchmarks/training.py [--networks cnn_cifar --pictures 10000 --epochs 2 --repeats 3]

Same network, same random pictures of 32 x 32 RGB, flipped and cropped, same batches of 128, SGD
with momentum, float32, all cores, by turns and `--repeats` times over. The plain loop is the one of
PyTorch's tutorials: a Dataset that makes a PIL picture of each row, torchvision's transforms, a
DataLoader with two workers. Validation is left out of both. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from hardware import described
from PIL import Image
from torch import nn
from torch.nn import functional as F  # noqa: N812
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from pipeline.cnns.architectures.registry import build_network
from pipeline.cnns.checkpoints import Checkpoint
from pipeline.cnns.inputs import Pictures
from pipeline.cnns.params import CnnRun
from pipeline.cnns.standardization import StandardizeSet
from pipeline.cnns.training import Phase, Trainer
from pipeline.compute.distributed import World
from pipeline.compute.parallel import cores

BATCH, RATE, CLASSES = 128, 0.01, 10
MEAN, DEVIATION = [0.5] * 3, [0.25] * 3


class Rows(Dataset):
    def __init__(self, pixels: np.ndarray, labels: np.ndarray) -> None:
        self.pixels, self.labels = pixels, labels
        self.transform = transforms.Compose(
            [
                transforms.RandomCrop(32, padding=4),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(MEAN, DEVIATION),
            ]
        )

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        return self.transform(Image.fromarray(self.pixels[i])), int(self.labels[i])


def plain(network: nn.Module, pixels: np.ndarray, labels: np.ndarray, epochs: int) -> float:
    start = time.perf_counter()
    loader = DataLoader(Rows(pixels, labels), batch_size=BATCH, shuffle=True, num_workers=2)
    optimizer = torch.optim.SGD(network.parameters(), lr=RATE, momentum=0.9)
    network.train()
    for _ in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            F.cross_entropy(network(x), y).backward()
            optimizer.step()
    return time.perf_counter() - start


def ours(network: nn.Module, pixels: np.ndarray, labels: np.ndarray, epochs: int) -> float:
    run = CnnRun.model_validate(
        {
            "architecture": "cnn_cifar", "optimizer": "sgd", "learning_rate": RATE,
            "nesterov": False, "weight_decay": 0.0, "schedule": {"kind": "constant"},
            "batch_size": BATCH, "epochs": epochs, "augment": {"flip": True, "crop": 4},
            "standardize": "set", "balance": "none", "ema": "none", "patience": "none",
            "precision": "float32", "device": "cpu", "threshold": 0.5, "repeats": 1, "seed": 0,
        }
    )  # fmt: skip
    network = nn.Sequential(StandardizeSet(MEAN, DEVIATION), network)
    trainer = Trainer(
        network, run, [Phase(epochs, RATE, list(network.parameters()))], multilabel=False, seed=0,
        device=torch.device("cpu"), dtype=torch.float32, world=World(),
    )  # fmt: skip
    targets = np.eye(CLASSES, dtype=np.int8)[labels]
    training = Pictures(pixels, np.arange(len(pixels)), targets)
    validation = Pictures(pixels, np.arange(1), targets[:1])
    with tempfile.TemporaryDirectory() as folder:
        list(trainer.fit(training, validation, checkpoint=Checkpoint(Path(folder) / "c", "")))
    return sum(trainer.progress.seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", nargs="+", default=["lenet5", "cnn_cifar", "resnet20"])
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(cores())
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (given.pictures, 32, 32, 3), dtype=np.uint8)
    labels = rng.integers(CLASSES, size=given.pictures)
    print(
        f"{described('torchvision')}; {given.pictures} pictures, pictures/s, median of "
        f"{given.repeats} (least-most)\n"
    )
    print("| network | plain loop | ours | ratio |")
    print("|---|---|---|---|")
    for name in given.networks:
        rates: dict[str, list[float]] = {"plain": [], "ours": []}
        for _ in range(given.repeats):
            for who, train in (("plain", plain), ("ours", ours)):
                network = build_network(name, classes=CLASSES, channels=3, size=32, seed=0)
                seconds = train(network, pixels, labels, given.epochs)
                rates[who].append(given.pictures * given.epochs / seconds)
        medians = {who: statistics.median(values) for who, values in rates.items()}
        cells = [
            f"{medians[who]:.0f} ({min(values):.0f}-{max(values):.0f})"
            for who, values in rates.items()
        ]
        ratio = medians["ours"] / medians["plain"]
        print(f"| {name} | {' | '.join(cells)} | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main()

"""The NumPy networks beside PyTorch and scikit-learn: same data, same network, same batches.

    python benchmarks/numpy_networks.py [--repeats 3] [--rows snn,adam,mlp,small,large]

Each trains anew on random data, by turns and `--repeats` times over. Ours takes as many processes
as it does anywhere; PyTorch computes on the CPU in float32 with fused optimizers and channels last,
with one thread and with as many as there are cores, and its faster median counts; scikit-learn has
all cores. Only training is timed, with shuffling and without scoring. Prints a Markdown table, and
the time of five seeds of the first row as a run with `repeats: 5` trains them.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from hardware import described
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits
from torch import nn
from torch.nn import functional as F  # noqa: N812

from pipeline.classifiers.convnet import ConvNetClassifier
from pipeline.classifiers.inputs import Dataset
from pipeline.classifiers.perceptrons import PerceptronClassifier
from pipeline.classifiers.runs import processes
from pipeline.compute.parallel import cores, forked_map

CLASSES = 10
RATES = {"sgd": 0.01, "adam": 0.001}


@dataclass(frozen=True)
class Row:
    name: str
    samples: int
    shape: tuple[int, ...]  # (features,) or (H, W, C)
    hidden: tuple[int, ...]
    filters: tuple[int, ...] = ()
    optimizer: str = "sgd"
    batch_size: int = 32
    epochs: int = 1
    stated: int | None = None  # samples the seconds are stated for; None: those trained on


SNN = {"samples": 6684, "shape": (100,), "hidden": (512, 256), "epochs": 30}
CONVNET = {"shape": (32, 32, 3), "hidden": (128,), "stated": 50_000}
ROWS = {
    "snn": Row("100-512-256-10, SGD, 6,684 samples, 30 epochs", **SNN),
    "adam": Row("the same, Adam", **SNN, optimizer="adam"),
    "mlp": Row(
        "3072-1024-512-256-10, SGD, batch 128, 25,600 samples",
        25_600,
        (3072,),
        (1024, 512, 256),
        batch_size=128,
    ),
    "small": Row("convnet (16, 16), 50,000 pictures", 6400, filters=(16, 16), **CONVNET),
    "large": Row(
        "convnet (32, 32, 64, 64), 50,000 pictures", 1600, filters=(32, 32, 64, 64), **CONVNET
    ),
}


def ours(row: Row, x: np.ndarray, y: np.ndarray) -> float:
    options = {
        "hidden": row.hidden,
        "optimizer": row.optimizer,
        "learning_rate": RATES[row.optimizer],
        "batch_size": row.batch_size,
        "epochs": row.epochs,
        "random_state": 0,
    }
    if row.filters:
        return ConvNetClassifier(row.filters, image_shape=row.shape, **options).fit(x, y).seconds_
    return PerceptronClassifier(**options).fit(x, y).seconds_


def pytorch(row: Row, x: np.ndarray, y: np.ndarray, threads: int) -> float:
    torch.set_num_threads(threads)
    inputs, labels = torch.from_numpy(x), torch.from_numpy(y)
    network = torch_network(row)
    if row.filters:
        network = network.to(memory_format=torch.channels_last)
        inputs = inputs.reshape(-1, *row.shape).permute(0, 3, 1, 2)  # channels last
    kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[row.optimizer]
    optimizer = kind(network.parameters(), lr=RATES[row.optimizer], fused=True)
    start = time.perf_counter()
    for _ in range(row.epochs):
        for rows in torch.randperm(len(inputs)).split(row.batch_size):
            optimizer.zero_grad()
            F.cross_entropy(network(inputs[rows]), labels[rows]).backward()
            optimizer.step()
    return time.perf_counter() - start


def torch_network(row: Row) -> nn.Sequential:
    """The layers of `PerceptronClassifier` and `ConvNetClassifier`."""
    layers: list[nn.Module] = []
    features = row.shape[-1]
    for index, filters in enumerate(row.filters, 1):
        layers += [nn.Conv2d(features, filters, 3, padding=1), nn.ReLU()]
        if len(row.filters) == 2 or index % 2 == 0:
            layers.append(nn.MaxPool2d(2))
        features = filters
    if row.filters:
        layers.append(nn.Flatten())
        features *= (row.shape[0] // 4) ** 2  # both have two poolings
    for n_in, n_out in itertools.pairwise((features, *row.hidden, CLASSES)):
        layers += [nn.Linear(n_in, n_out), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def scikit_learn(row: Row, x: np.ndarray, y: np.ndarray) -> float:
    classifier = MLPClassifier(
        row.hidden,
        solver=row.optimizer,
        alpha=0,
        batch_size=row.batch_size,
        learning_rate_init=RATES[row.optimizer],
        momentum=0,
        nesterovs_momentum=False,
        max_iter=row.epochs,
        n_iter_no_change=row.epochs + 1,
        random_state=0,
    )
    with warnings.catch_warnings(), threadpool_limits(cores()):
        warnings.simplefilter("ignore", ConvergenceWarning)
        start = time.perf_counter()
        classifier.fit(x, y)
        return time.perf_counter() - start


def measure(row: Row, repeats: int) -> dict[str, list[float]]:
    """Who -> the seconds of each repeat, in order."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((row.samples, int(np.prod(row.shape))), dtype=np.float32)
    y = rng.integers(CLASSES, size=row.samples)
    runs: dict[str, Callable[[Row, np.ndarray, np.ndarray], float]] = {"ours": ours}
    for threads in sorted({1, cores()}):
        runs[f"PyTorch, {threads}"] = lambda *given, t=threads: pytorch(*given, t)
    if not row.filters:
        runs["scikit-learn"] = scikit_learn
    for run in runs.values():  # the first time is not the usual one
        run(row, x[: 4 * row.batch_size], y[: 4 * row.batch_size])
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            seconds[name].append(run(row, x, y) * (row.stated or row.samples) / row.samples)
    return {name: sorted(values) for name, values in seconds.items()}


def five_seeds(row: Row, repeats: int) -> tuple[list[float], list[float]]:
    """Seconds of one training and of five at once, by turns."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((row.samples, *row.shape), dtype=np.float32)
    y = rng.integers(CLASSES, size=row.samples)
    at_once = processes(Dataset(x, y, multilabel=False, image_shape=None))
    seconds: dict[int, list[float]] = {1: [], 5: []}
    for _ in range(repeats):
        for count, values in seconds.items():
            start = time.perf_counter()
            list(forked_map(lambda _: ours(row, x, y), range(count), processes=at_once))
            values.append(time.perf_counter() - start)
    return sorted(seconds[1]), sorted(seconds[5])


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):.1f} ({values[0]:.1f}-{values[-1]:.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rows", type=lambda text: text.split(","), default=list(ROWS))
    given = parser.parse_args()
    print(f"{described('numpy', 'scikit-learn')}; seconds, median of {given.repeats} (min-max)\n")
    print("| | ours | PyTorch (threads) | PyTorch / ours | scikit-learn | scikit-learn / ours |")
    print("|---|---|---|---|---|---|")
    for name in given.rows:
        seconds = measure(ROWS[name], given.repeats)
        own = statistics.median(seconds["ours"])
        best = min(
            (who for who in seconds if who.startswith("PyTorch")),
            key=lambda who: statistics.median(seconds[who]),
        )
        cells = [ROWS[name].name, spread(seconds["ours"])]
        cells += [f"{spread(seconds[best])}, {best[-1]}"]
        cells += [f"{statistics.median(seconds[best]) / own:.2f}"]
        if "scikit-learn" in seconds:
            theirs = seconds["scikit-learn"]
            cells += [spread(theirs), f"{statistics.median(theirs) / own:.2f}"]
        print(f"| {' | '.join(cells)} |" + " | |" * ("scikit-learn" not in seconds), flush=True)
    if "snn" in given.rows:
        one, five = five_seeds(ROWS["snn"], given.repeats)
        ratio = statistics.median(five) / statistics.median(one)
        print(
            f"\nOne seed with its scoring: {spread(one)}; five: {spread(five)}; {ratio:.2f} times"
        )


if __name__ == "__main__":
    main()

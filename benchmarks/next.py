"""What the pictures that `python -m pipeline.next` chooses are worth, against as many at random.

    python benchmarks/next.py [--labelled 0.3] [--add 100] [--seeds 20]

In a project after `dvc repro`. The labels of the training pictures but a share of them are hidden;
the ridge regression of the learning curve, tuned on validation, chooses so many of the rest, which
get their labels back, and is trained again. Prints a table in Markdown: test accuracy and macro F1,
means over the seeds, and their differences from random choice ± the standard error.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from hardware import described

from pipeline.artifacts import images
from pipeline.artifacts.images import Labelled, labelled
from pipeline.artifacts.vectors import FEATURES, VectorStore
from pipeline.core.parquet import Shards
from pipeline.curve.probe import Part, Split, probed
from pipeline.curve.stage import rows_of_parts, standardized
from pipeline.measure.accuracy import hit_at_1
from pipeline.measure.decisions import decide
from pipeline.next.choosing import k_centre, margins, nearest_squared, shortlist


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--labelled", type=float, default=0.3)
    parser.add_argument("--add", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=20)
    options = parser.parse_args()
    pictures, store = Shards(images.PATH), VectorStore.open()
    known = Labelled(*labelled(pictures, beside=FEATURES, count=pictures.rows))
    rows = rows_of_parts(known.split, store.dimension, np.random.default_rng(0))
    vectors = standardized(pictures, store, np.concatenate(rows), len(rows[0]))
    held = np.split(vectors, np.cumsum([len(part) for part in rows[:2]]))
    train, validation, test = (
        Part(x, known.targets[part]) for x, part in zip(held, rows, strict=True)
    )

    def scores(chosen, of):
        split = Split(train[chosen], validation, of)
        every = np.array([len(chosen)])
        return probed(split, [np.arange(len(chosen))], every, multilabel=known.multilabel)[0, 0]

    found = []
    for seed in range(options.seeds):
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(train.x))
        first, rest = np.split(order, [round(options.labelled * len(order))])
        said = scores(first, train[rest])

        def centres(among, first=first, rest=rest):
            x = train.x[rest][among]
            return among[k_centre(x, nearest_squared(x, [train.x[first]]), count=options.add)]

        ways = {
            "none": np.array([], int),
            "at random": rng.permutation(len(rest))[: options.add],
            "the smallest margins": np.argsort(margins(said))[: options.add],
            "k centres": centres(np.arange(len(rest))),
            "k centres of the smallest margins": centres(shortlist(said, count=options.add)),
            "all": np.arange(len(rest)),
        }
        found.append(
            [measured(scores(np.append(first, rest[way]), test), test) for way in ways.values()]
        )
    values = 100 * np.array(found)  # (seeds, ways, 2)
    differences = values - values[:, [list(ways).index("at random")]]
    error = differences.std(0, ddof=1) / np.sqrt(options.seeds)
    print(f"{described('scikit-learn')}; {len(first)} labelled, {options.add} added\n")
    print("| added | accuracy | less at random | macro F1 | less at random |")
    print("|---|---|---|---|---|")
    for i, name in enumerate(ways):
        cells = [
            f"{values[:, i, j].mean():.1f} | {differences[:, i, j].mean():+.1f} ± {error[i, j]:.1f}"
            for j in range(2)
        ]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def measured(scores, test):
    """Accuracy and macro F1."""
    assigned = decide(scores, threshold=0.5, multilabel=(test.targets.sum(1) != 1).any())
    right = (assigned & (test.targets == 1)).sum(0)
    f1 = 2 * right / np.maximum(assigned.sum(0) + test.targets.sum(0), 1)
    return hit_at_1(scores, test.targets), f1.mean()


if __name__ == "__main__":
    main()

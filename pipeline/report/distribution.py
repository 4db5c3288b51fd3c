"""Pictures per class and split, and what follows from their counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from pipeline.measure.splitting import SPLITS

CLASSES_SHOWN = 40  # in a figure; the CSV files have all


def distribution(labels: Iterable[Sequence[str]], splits: Iterable[str]) -> pd.DataFrame:
    """Columns class, split, count, order (of the splits); a picture counts for each class."""
    counts = Counter(
        (name, split) for row, split in zip(labels, splits, strict=True) for name in row
    )
    rows = [
        {"class": name, "split": split, "count": count, "order": SPLITS.index(split)}
        for (name, split), count in sorted(counts.items())
    ]
    return pd.DataFrame(rows)


def largest_classes(pictures: pd.DataFrame) -> list[str]:
    """The CLASSES_SHOWN classes with most pictures. pictures: columns class, count."""
    totals = pictures.groupby("class")["count"].sum()
    return list(totals.sort_values(ascending=False, kind="stable").head(CLASSES_SHOWN).index)


def commonest_class_accuracy(labels: Sequence[Sequence[str]], splits: Sequence[str]) -> float:
    """Test accuracy (hit@1) of always answering the commonest class of the training pictures."""
    rows = list(zip(labels, splits, strict=True))
    training = Counter(name for row, split in rows if split == "train" for name in row)
    commonest = min(training, key=lambda name: (-training[name], name))
    return float(np.mean([commonest in row for row, split in rows if split == "test"]))

"""`reports/history/RUN.csv`: the epochs of all repeats of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from pipeline.epochs import Epoch
from pipeline.tables import replacing

HISTORY = ["repeat", "epoch", "loss", "accuracy", "validation_accuracy", "member"]


def write_history(path: Path, histories: Sequence[Sequence[Epoch]]) -> None:
    """A row per repeat and epoch, columns as in HISTORY; no rows where there are no epochs."""
    rows = [
        {"repeat": repeat, **asdict(epoch)}
        for repeat, epochs in enumerate(histories)
        for epoch in epochs
    ]
    with replacing(path) as temporary:
        pd.DataFrame(rows, columns=HISTORY).round(6).to_csv(temporary, index=False)

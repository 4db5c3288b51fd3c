"""`reports/comparisons/RUN.csv`: a row per split, by picture or artist, and draw."""

from __future__ import annotations

from pathlib import Path

COLUMNS = [
    "split", "draw", "train", "test", "artists", "known_artists",
    "accuracy", "accuracy_low", "accuracy_high",
]  # fmt: skip


def comparison_path(run: str) -> Path:
    return Path("reports/comparisons") / f"{run}.csv"

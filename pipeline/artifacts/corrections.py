"""`data/corrections.csv`: what a person decided about the labels of single pictures."""

from __future__ import annotations

from pathlib import Path

PATH = Path("data/corrections.csv")
COLUMNS = ("image_id", "path", "given", "action", "label")
ACTIONS = ("relabel", "remove", "keep")
SEPARATOR = "|"  # of several labels in a cell

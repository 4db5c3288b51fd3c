"""`reports/index.html` and what stands beside it: what people look at."""

from __future__ import annotations

from pathlib import Path

PAGE = Path("reports/index.html")
DIFF = Path("reports/diff.html")  # between two revisions
DIFF_TABLE = Path("reports/diff.csv")  # the pictures that changed
NEXT = Path("reports/next.html")  # what to label next
NEXT_TABLE = Path("reports/next.csv")
SUMMARY = Path("reports/summary.txt")  # the table of runs, as the terminal has it

"""`reports/index.html`, `reports/summary.txt`: what people look at."""

from __future__ import annotations

from pathlib import Path

PAGE = Path("reports/index.html")
SUMMARY = Path("reports/summary.txt")  # the table of runs, as the terminal has it

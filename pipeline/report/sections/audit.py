"""What is wrong with the pictures, and how they are stored."""

from __future__ import annotations

from typing import Any

from pipeline.artifacts.audits import read_audit
from pipeline.artifacts.insight import read_copies
from pipeline.report.experiment import Experiment
from pipeline.report.section import Section


def section(experiment: Experiment) -> Section:
    audit = read_audit()
    copies = read_copies().set_index("run").to_dict("index")
    return Section(
        {
            "audit": audit,
            "stored": stored(audit),
            "sought": experiment.whole["ingest"]["audit"]["near_duplicates"] != "none",
            "copies": copies,
        }
    )


def stored(audit: dict[str, Any]) -> str:
    """What reports/audit.json says of sizes, formats and colour modes, to end a sentence."""
    width, height = (_sides(audit[side]) for side in ("width", "height"))
    counts = []
    for of in ("formats", "modes"):
        totals = {name: sum(splits.values()) for name, splits in audit[of].items()}
        often = sorted(totals, key=lambda name: (-totals[name], name))
        counts.append(", ".join(f"{totals[name]} {name}" for name in often))
    return f"{width} pixels wide and {height} high, stored as {'; '.join(counts)}"


def _sides(found: dict[str, int]) -> str:
    if found["least"] == found["most"]:
        return str(found["most"])
    return f"{found['least']} to {found['most']} (median {found['median']})"

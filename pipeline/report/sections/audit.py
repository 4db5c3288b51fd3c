"""What is wrong with the pictures, and how they are stored."""

from __future__ import annotations

from typing import Any

from pipeline.artifacts.audits import read_audit
from pipeline.artifacts.insight import read_copies
from pipeline.report.experiment import Experiment
from pipeline.report.section import Section

DONE = {"relabel": "relabelled", "remove": "taken out", "keep": "looked at and right"}


def section(experiment: Experiment) -> Section:
    audit = read_audit()
    copies = read_copies().set_index("run").to_dict("index")
    parts = audit["corrections"]["applied"]
    return Section(
        {
            "audit": audit,
            "stored": stored(audit),
            "sought": experiment.whole["ingest"]["audit"]["near_duplicates"] != "none",
            "copies": copies,
            "corrected": corrected(parts),
            "tested": parts["relabel"]["test"] + parts["remove"]["test"],
        }
    )


def corrected(parts: dict[str, dict[str, int]]) -> list[dict[str, Any]]:
    """What was done to how many pictures, and in which parts of the split; what was not is left
    out. parts: action -> part of the split -> pictures."""
    return [
        {
            "what": DONE[action],
            "count": sum(counts.values()),
            "where": ", ".join(f"{count} {split}" for split, count in counts.items() if count),
        }
        for action, counts in parts.items()
        if any(counts.values())
    ]


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

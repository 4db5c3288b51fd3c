"""A whole params file shrunk by rules, so that all of its stages run in about a minute."""

from __future__ import annotations

from typing import Any

Params = dict[str, Any]  # what a params file holds, not yet validated

# key, wherever it stands -> what a number there is lowered to
LIMITS = {
    "pictures": 144,
    "painters": 24,
    "per_class": 12,  # of ingest.select, where `none` is lowered too
    "size": 32,  # pixels; the least that every network takes
    "components": 12,
    "hidden": 16,
    "filters": 4,
    "members": 2,
    "folds": 2,
    "repeats": 1,
    "draws": 2,
    "epochs": 2,
    "batch_size": 16,
    "layers": 2,
    "bootstrap": 100,
    "explain": 1,
    "samples": 8,
    "mistakes": 8,
    "shown": 8,
}
PACKAGED = {"backbone": "tf_efficientnet_lite0", "weights": "packaged"}
VALUES = 2  # of each parameter that a sweep varies


def shrink(params: Params) -> Params:
    """The same kinds of runs with few epochs and small networks, pictures and tables.

    Weights that would be downloaded become the packaged ones. Of the classifiers of a kind and the
    networks of an architecture the first is kept, and those that other sections name.
    """
    small: Params = _lowered(params, key="")
    small["sweeps"] = {name: _few_values(sweep) for name, sweep in small["sweeps"].items()}
    named = {run for stack in small["stacks"].values() for run in stack["runs"]}
    named |= {sweep["base"] for sweep in small["sweeps"].values()} | set(small["comparisons"])
    for section in ("classifiers", "cnns"):
        small[section] = _one_of_each(small[section], named)
    return small


def _lowered(value: Any, *, key: str) -> Any:
    if isinstance(value, dict):
        lowered = {name: _lowered(part, key=name) for name, part in value.items()}
        if lowered.get("weights") == "imagenet":
            lowered |= PACKAGED
            if lowered.get("pool") == "cls_mean":  # which is of transformers
                lowered["pool"] = "mean"
        return lowered
    if isinstance(value, list):
        return [_lowered(part, key=key) for part in value]
    if isinstance(value, int) and key in LIMITS:
        return min(value, LIMITS[key])
    return LIMITS[key] if key == "per_class" else value


def _few_values(sweep: Params) -> Params:
    vary = {}
    for key, values in sweep["vary"].items():
        different = [value for i, value in enumerate(values) if value not in values[:i]]
        vary[key] = different[:VALUES]
    return {**sweep, "vary": vary}


def _one_of_each(entries: Params, named: set[str]) -> Params:
    kept: Params = {}
    seen = []
    for name, entry in entries.items():
        architecture = entry.get("architecture")
        kind = architecture["backbone"] if isinstance(architecture, dict) else architecture
        if (kind or entry["kind"]) not in seen or name in named:
            kept[name] = entry
            seen.append(kind or entry["kind"])
    return kept

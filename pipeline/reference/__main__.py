"""Writes docs/reference.md."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from pipeline import artifacts
from pipeline.backbones.weights import WEIGHTS
from pipeline.classifiers.params import ClassifierRun, Run
from pipeline.cnns.architectures.registry import ARCHITECTURES, count_parameters
from pipeline.cnns.params import CnnRun
from pipeline.cnns.schedules import Schedule, ScheduleSection
from pipeline.command import run
from pipeline.comparisons.params import Comparison
from pipeline.core.files import write_text
from pipeline.core.markdown import markdown_table
from pipeline.core.schema import Strict
from pipeline.curve.params import Curve
from pipeline.evaluate.params import Evaluate
from pipeline.features.params import Features
from pipeline.ingest.params import Ingest
from pipeline.ingest.sources.params import Source
from pipeline.insight.params import Insight
from pipeline.params import Params, kinds
from pipeline.pca.params import Pca
from pipeline.pixels.params import Pixels
from pipeline.presets.catalogue import presets_table
from pipeline.reference.keys import docstrings, keys_table, kinds_table, said
from pipeline.report.params import Report
from pipeline.stacks.params import StackParams
from pipeline.sweeps.params import Sweep

PAGE = Path("docs/reference.md")
HEAD = """# Reference

`make docs` writes this page from the schemas and registries of `pipeline/`. Keys without a default
must be there; `python -m pipeline.params` checks a file.
"""


def reference() -> str:
    """The page."""
    return "\n\n".join([HEAD.rstrip(), *_sections()]) + "\n"


def _sections() -> Iterator[str]:
    yield "## `launcher`"
    yield docstrings(Params)["launcher"]
    yield "## `ingest`"
    yield keys_table(Ingest)
    yield "## `ingest.source`"
    for source in _members(Source):
        yield f"### {kinds(source)[0]}"
        yield said(source)
        yield keys_table(source)
    yield "## `features`"
    yield keys_table(Features)
    yield _weights()
    yield "## `pca`"
    yield keys_table(Pca)
    yield "## `pixels`"
    yield keys_table(Pixels)
    runs = _members(ClassifierRun)
    yield "## `classifiers`"
    yield "An entry is one run, under a name of your choice."
    yield kinds_table(runs, Run)
    yield keys_table(*runs)
    yield "## `cnns`"
    yield said(CnnRun)
    yield keys_table(CnnRun)
    yield "### Schedules"
    schedules = _members(Schedule)
    yield kinds_table(schedules, ScheduleSection)
    yield keys_table(*schedules)
    yield "### Architectures"
    yield _architectures()
    for name, entry in (("stacks", StackParams), ("sweeps", Sweep), ("comparisons", Comparison)):
        yield f"## `{name}`"
        yield said(entry)
        yield keys_table(entry)
    yield "## `evaluate`"
    yield keys_table(Evaluate)
    yield "## `curve`"
    yield keys_table(Curve)
    yield "## `insight`"
    yield keys_table(Insight)
    yield "## `report`"
    yield keys_table(Report)
    yield "## Presets"
    yield presets_table()
    yield "## Files"
    yield _files()


def _members(union: Any) -> tuple[type[Strict], ...]:
    """The models of a union, annotated or not."""
    return get_args(get_args(union)[0] if get_origin(union) is Annotated else union)


def _weights() -> str:
    rows = [(f"`{word}`", said(origin)) for word, origin in WEIGHTS.items()]
    rows.append(("any other", "The name of a file in `models/pretrained`."))
    return markdown_table(("`weights`", "where they come from"), rows)


def _architectures() -> str:
    rows = [
        (
            f"`{name}`",
            f"{known.made_for} px" + (", grey" if known.channels == 1 else ""),
            f"{known.least} px",
            f"{count_parameters(name):,}",
            known.source,
        )
        for name, known in ARCHITECTURES.items()
    ]
    return markdown_table(("name", "made for", "least", "parameters (10 classes)", "from"), rows)


def _files() -> str:
    rows = []
    for found in pkgutil.iter_modules(artifacts.__path__, "pipeline.artifacts."):
        where, _, what = said(importlib.import_module(found.name)).partition(": ")
        rows.append((where, what))
    return markdown_table(("where", "what"), rows)


def main() -> None:
    write_text(PAGE, reference())


if __name__ == "__main__":
    run(main)

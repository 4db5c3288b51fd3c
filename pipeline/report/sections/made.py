"""The parameters and versions behind the page."""

from __future__ import annotations

import platform
from importlib.metadata import version
from io import StringIO
from typing import Any

from ruamel.yaml import YAML

from pipeline.report.experiment import Experiment
from pipeline.report.section import Section

PACKAGES = (
    "numpy",
    "scikit-learn",
    "torch",
    "torchvision",
    "timm",
    "pandas",
    "pyarrow",
    "pillow",
    "altair",
    "dvc",
)


def section(experiment: Experiment) -> Section:
    return Section({"parameters": as_yaml(experiment.whole), "versions": versions()})


def as_yaml(params: dict[str, Any]) -> str:
    """As a file that could be params.yaml."""
    writer, text = YAML(), StringIO()
    writer.indent(mapping=2, sequence=4, offset=2)
    writer.dump(params, text)
    return text.getvalue()


def versions() -> dict[str, str]:
    """Python and the packages that decide the figures."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}

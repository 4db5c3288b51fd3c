"""`models/conformal.json`: of each run the threshold of its sets of classes, and of which model."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline.artifacts.models import FOLDER
from pipeline.core.checksums import checksum
from pipeline.core.files import read_json, readable, write_checked_json


def conformal_path(folder: Path = FOLDER) -> Path:
    """It lies beside the models."""
    return folder / "conformal.json"


@dataclass(frozen=True)
class Conformal:
    """coverage: how often the sets are to hold the right class; by: of pictures of other artists,
    "artist", or of any, "picture"; multilabel: whether a picture may have several classes, of which
    no set is made; models: what `models_digest` says of each run; thresholds: of each run, infinite
    where there are too few pictures or artists, or no set is made."""

    coverage: float
    by: str
    multilabel: bool
    models: dict[str, str]
    thresholds: dict[str, float]

    def write(self) -> None:
        """Write `conformal_path`."""
        runs = {
            run: {"models": digest, "threshold": _or_none(self.thresholds[run])}
            for run, digest in self.models.items()
        }
        write_checked_json(
            conformal_path(),
            {
                "coverage": self.coverage,
                "by": self.by,
                "multilabel": self.multilabel,
                "runs": runs,
            },
        )

    @classmethod
    def read(cls, path: Path) -> Conformal:
        """What `write` wrote. Errors: `UserError`."""
        stored = read_json(path)
        with readable(path):
            runs = stored["runs"]
            return cls(
                stored["coverage"],
                stored["by"],
                stored["multilabel"],
                models={run: of["models"] for run, of in runs.items()},
                thresholds={run: _or_infinite(of["threshold"]) for run, of in runs.items()},
            )


def _or_none(threshold: float) -> float | None:  # JSON has no infinity
    return threshold if math.isfinite(threshold) else None


def _or_infinite(threshold: float | None) -> float:
    return math.inf if threshold is None else threshold


def models_digest(paths: Iterable[Path]) -> str:
    """Of all that stands beside the tensors of these models, their checksums among it.

    Errors: `UserError` where that is missing.
    """
    contents = []
    for path in paths:
        beside = path.with_suffix(".json")
        with readable(beside):
            contents.append(beside.read_bytes())
    return checksum(*contents)

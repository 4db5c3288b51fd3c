"""`reports/training/RUN.json`: what a run's trainings made, but for the time they took."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.core.digests import file_digest
from pipeline.core.files import read_json, write_json

FOLDER = Path("reports/training")


def training_path(run: str) -> Path:
    """Of a classifier, a network on pixels or a stack."""
    return FOLDER / f"{run}.json"


@dataclass(frozen=True)
class Training:
    """repeats: how many; parameters: trained numbers, None where nothing is trained; megabytes,
    digest: of the model's tensors on disk, 10^6 bytes and SHA-256; residual_norms: of the members
    of an ensemble one after another, a norm for each class."""

    repeats: int
    parameters: int | None
    megabytes: float
    digest: str
    residual_norms: list[list[float]]

    @classmethod
    def of(
        cls,
        model: Path,
        *,
        repeats: int,
        parameters: int | None,
        residual_norms: list[list[float]] | None = None,
    ) -> Training:
        """Of the trainings whose first one wrote `model`."""
        megabytes = round(model.stat().st_size / 1e6, 3)
        return cls(repeats, parameters, megabytes, file_digest(model), residual_norms or [])


def write_training(path: Path, training: Training) -> None:
    """One line of JSON, written whole or not at all."""
    write_json(path, asdict(training), indent=None)


def read_training(path: Path) -> Training:
    """What `write_training` wrote. Errors: `UserError`."""
    return Training(**read_json(path))

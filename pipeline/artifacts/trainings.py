"""`reports/training/RUN.json`: what a run's trainings made, but for the time they took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.artifacts.times import run_times_path, write_times
from pipeline.core.digests import file_digest
from pipeline.core.files import read_json, write_checked_json
from pipeline.measure.accuracy import Tried

FOLDER = Path("reports/training")


def training_path(run: str) -> Path:
    """Of a classifier, a network on pixels or a stack."""
    return FOLDER / f"{run}.json"


@dataclass(frozen=True)
class Training:
    """repeats: how many; parameters: trained numbers, None where nothing is trained; megabytes,
    digest: of the model's tensors on disk, 10^6 bytes and SHA-256; residual_norms: of the members
    of an ensemble one after another, a norm for each class; dropped: how many of its members were
    not kept, in all repeats; path: the penalties that the first training tried on validation;
    temperature: what the scores of the first training are at, None where they are its own."""

    repeats: int
    parameters: int | None
    megabytes: float
    digest: str
    residual_norms: list[list[float]]
    dropped: int
    path: list[Tried]
    temperature: float | None


def write_training(
    run: str,
    model: Path,
    *,
    parameters: int | None,
    seconds: Sequence[float],
    per_epoch: float | None = None,
    residual_norms: Sequence[list[float]] = (),
    dropped: int = 0,
    path: Sequence[Tried] = (),
    temperature: float | None = None,
) -> None:
    """Write what the trainings of a run made, the first of them `model`, and the time they took.

    seconds: of each; per_epoch: of one epoch, where there are any.
    """
    megabytes = round(model.stat().st_size / 1e6, 3)
    digest = file_digest(model)
    norms = list(residual_norms)
    training = Training(
        len(seconds), parameters, megabytes, digest, norms, dropped, list(path), temperature
    )
    write_checked_json(training_path(run), asdict(training), indent=None)
    write_times(run_times_path(run), made=digest, seconds=seconds, per_epoch=per_epoch)


def read_training(path: Path) -> Training:
    """What `write_training` wrote of a run. Errors: `UserError`."""
    stored = read_json(path)
    tried = [Tried(**row) for row in stored.pop("path")]
    return Training(**stored, path=tried)

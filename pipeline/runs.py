"""A run of `params.yaml` -> a trained classifier on components, and its file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UserError
from pipeline.models import loading_model, save_model
from pipeline.nn.boosting import BoostedClassifier
from pipeline.nn.classifiers import AdamClassifier, SNNClassifier
from pipeline.nn.estimator import NetworkClassifier
from pipeline.params import AdamRun, BoostedRun, Run, SnnRun

Array = NDArray[np.float32]

# kind -> parameters, estimator
CLASSIFIERS: dict[str, tuple[type[Run], type[NetworkClassifier]]] = {
    "snn": (SnnRun, SNNClassifier),
    "adam": (AdamRun, AdamClassifier),
    "boosted": (BoostedRun, BoostedClassifier),
}
# What a run has beside the arguments of its estimator.
OWN_FIELDS = {"kind", "standardize", "threshold", "repeats", "seed"}


@dataclass(frozen=True)
class Dataset:
    """Components (N, K) float32 and targets (N, C) of 0 and 1."""

    components: Array
    targets: NDArray[np.int8]


@dataclass(frozen=True)
class TrainedRun:
    """A fitted estimator with the standardisation that stands before it.

    mean, scale: (K,) of the training components; 0 and 1 where the run does not standardise.
    """

    estimator: NetworkClassifier
    mean: Array
    scale: Array

    def scores(self, components: Array) -> Array:
        """(N, K) components -> (N, C) probabilities; their rows sum to 1 unless multi-label."""
        return self.estimator.predict_proba((components - self.mean) / self.scale)

    def save(self, path: Path, *, run: Run, **provenance: Any) -> None:
        """Write arrays to `path` (safetensors), parameters and provenance beside it (.json)."""
        tensors = {"mean": self.mean, "scale": self.scale, **self.estimator.state_dict()}
        multilabel = self.estimator.multilabel_
        save_model(path, tensors, **provenance, multilabel=multilabel, run=run.model_dump())


def load_run(path: Path) -> tuple[TrainedRun, dict[str, Any]]:
    """The run that `TrainedRun.save` wrote and its provenance. Errors: `UserError`."""
    with loading_model(path) as (tensors, stored):
        model, _ = CLASSIFIERS[stored["run"]["kind"]]
        run = model.model_validate(stored["run"])
        mean, scale = tensors.pop("mean"), tensors.pop("scale")
        estimator = make_estimator(run, seed=run.seed).load_state_dict(
            tensors, classes=np.arange(len(stored["classes"])), multilabel=stored["multilabel"]
        )
        return TrainedRun(estimator, mean, scale), stored


def make_estimator(run: Run, *, seed: int) -> NetworkClassifier:
    """The estimator of a run, not yet fitted."""
    arguments: dict[str, Any] = run.model_dump(exclude=OWN_FIELDS)
    arguments = {key: None if value == "none" else value for key, value in arguments.items()}
    _, estimator = CLASSIFIERS[run.kind]
    return estimator(**arguments, random_state=seed)


def train(
    run: Run, training: Dataset, validation: Dataset, *, multilabel: bool, repeat: int
) -> TrainedRun:
    """Train repeat number `repeat` of a run: with the seed `run.seed + repeat`.

    Errors: `UserError` when training diverges.
    """
    components = training.components
    mean = np.zeros(components.shape[1], np.float32)
    scale = np.ones_like(mean)
    if run.standardize:
        mean, spread = components.mean(0), components.std(0)
        scale = np.where(spread > 0, spread, 1).astype(np.float32)
    estimator = make_estimator(run, seed=run.seed + repeat)
    samples = [
        ((data.components - mean) / scale, data.targets if multilabel else data.targets.argmax(1))
        for data in (training, validation)
    ]
    try:
        estimator.fit(*samples[0], validation=samples[1])
    except FloatingPointError as error:
        raise UserError(str(error)) from None
    return TrainedRun(estimator, mean, scale)

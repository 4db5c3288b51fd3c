"""A run of `params.yaml` -> a trained classifier on its input, and its file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from pipeline.artifacts.pixels import Shape
from pipeline.classifiers.estimator import in_all_classes
from pipeline.classifiers.inputs import Dataset
from pipeline.classifiers.params import ClassifierRun, Run
from pipeline.compute.parallel import cores
from pipeline.core.dotted import dotted
from pipeline.core.errors import UserError
from pipeline.core.tensors import loading_model, save_model
from pipeline.measure.temperature import at_temperature, fit_temperature

Array = NDArray[np.float32]


@dataclass(frozen=True)
class TrainedRun:
    """A fitted estimator with the normalisation that stands before it.

    shift, scale: (D,) float32; 0 and 1 where the run does not normalise. n_classes: C.
    temperature: what the scores are at, None where they are the estimator's own.
    """

    estimator: Any
    shift: Array
    scale: Array
    n_classes: int
    temperature: float | None = None

    def scores(self, vectors: Array) -> Array:
        """(N, D) -> (N, C) probabilities; their rows sum to 1 unless multi-label.

        A class that training did not see has 0, or next to 0 at a temperature.
        """
        found = self.estimator.predict_proba((vectors - self.shift) / self.scale)
        scores = in_all_classes(found, self.estimator.classes_, self.n_classes)
        return at_temperature(scores, self.temperature, multilabel=self.estimator.multilabel_)

    def save(self, path: Path, *, run: Run, image_shape: Shape | None, **provenance: Any) -> None:
        """Write arrays to `path` (safetensors), parameters and provenance beside it (.json)."""
        normalization = {"normalize.shift": self.shift, "normalize.scale": self.scale}
        tensors = {**normalization, **self.estimator.state_dict()}
        save_model(
            path,
            tensors,
            **provenance,
            multilabel=self.estimator.multilabel_,
            image_shape=image_shape,
            temperature=self.temperature,
            run=run.model_dump(),
        )


def load_run(path: Path) -> tuple[TrainedRun, dict[str, Any]]:
    """The run that `TrainedRun.save` wrote and its provenance. Errors: `UserError`."""
    with loading_model(path) as (tensors, stored):
        run = TypeAdapter[Run](ClassifierRun).validate_python(stored["run"])
        shift, scale = tensors.pop("normalize.shift"), tensors.pop("normalize.scale")
        count = len(stored["classes"])
        shape = stored["image_shape"]
        estimator = make_estimator(run, seed=run.seed, image_shape=shape and tuple(shape))
        estimator.load_state_dict(
            tensors, classes=np.arange(count), multilabel=stored["multilabel"]
        )
        return TrainedRun(estimator, shift, scale, count, stored["temperature"]), stored


def make_estimator(run: Run, *, seed: int, image_shape: Shape | None) -> Any:
    """The estimator of a run, not yet fitted: every parameter of its name, seed and shape."""
    estimator = dotted(run.estimator)
    known = estimator().get_params().keys()
    given = {**run.model_dump(), **run.given, "random_state": seed, "image_shape": image_shape}
    arguments = {key: value for key, value in given.items() if key in known}
    return estimator(
        **{key: None if value == "none" else value for key, value in arguments.items()}
    )


def normalization(run: Run, vectors: Array) -> tuple[Array, Array]:
    """Shift and scale (D,) of these vectors; constant columns are only shifted."""
    if run.normalize == "zscore":
        standard = StandardScaler().fit(vectors)
        shift, scale = standard.mean_, standard.scale_
    elif run.normalize == "minmax":
        ranges = MinMaxScaler().fit(vectors)
        shift, scale = ranges.data_min_, 1 / ranges.scale_
    else:
        shift, scale = np.zeros(vectors.shape[1]), np.ones(vectors.shape[1])
    return shift.astype(np.float32), scale.astype(np.float32)


def processes(data: Dataset) -> int:
    """Trainings on this data to run at once: of few vectors more than cores, so that none idles."""
    return cores() * (3 if data.vectors.nbytes < 2**28 else 1)


def train(run: Run, training: Dataset, validation: Dataset, *, seed: int) -> TrainedRun:
    """Train a run with this seed, and calibrate it if it says so.

    Errors: FloatingPointError when training diverges.
    """
    shift, scale = normalization(run, training.vectors)
    estimator = make_estimator(run, seed=seed, image_shape=training.image_shape)
    x, y, *held_out = (
        array
        for data in (training, validation)
        for array in (
            (data.vectors - shift) / scale,
            data.targets if data.multilabel else data.targets.argmax(1),
        )
    )
    estimator.fit(x, y, validation=tuple(held_out))
    trained = TrainedRun(estimator, shift, scale, training.targets.shape[1])
    if run.calibrate == "none":
        return trained
    scores = trained.scores(validation.vectors)
    found = fit_temperature(scores, validation.targets, multilabel=training.multilabel)
    return replace(trained, temperature=found)


@contextmanager
def mistakes_of(entry: str) -> Iterator[None]:
    """What a training in the block raises, as a `UserError` that names `entry` of params.yaml."""
    try:
        yield
    except (FloatingPointError, ValueError) as error:
        raise UserError(f"{entry}: {error}") from None

"""A run trained with each of several settings."""

from __future__ import annotations

from typing import Any

import pandas as pd

from pipeline.artifacts.sweeps import COLUMNS
from pipeline.classifiers.inputs import Inputs
from pipeline.classifiers.params import Run
from pipeline.classifiers.runs import mistakes_of, processes, train
from pipeline.compute.parallel import forked_map
from pipeline.core.console import progress
from pipeline.measure.accuracy import hit_at_1
from pipeline.measure.splitting import SPLITS


def train_settings(
    settings: list[tuple[dict[str, Any], Run]], inputs: Inputs, *, name: str
) -> tuple[pd.DataFrame, list[float | None]]:
    """A row per setting and seed, last training loss and accuracies, and the seconds of each.

    A setting that diverged has no figures. Errors: `UserError`.
    """
    data = inputs.data
    training, validation, test = (data[inputs.split == part] for part in SPLITS)

    def one(job: tuple[dict[str, Any], Run, int]) -> tuple[dict[str, Any], float | None]:
        setting, params, seed = job
        row = {"setting": written(setting), "seed": seed, "diverged": False}
        with mistakes_of(f"sweeps.{name}, {row['setting']}"):
            try:
                trained = train(params, training, validation, seed=seed)
            except FloatingPointError:
                return {**row, "diverged": True}, None
        history = trained.estimator.history_
        parts = {"accuracy": training, "validation_accuracy": validation, "test_accuracy": test}
        accuracies = {
            column: hit_at_1(trained.scores(part.vectors), part.targets)
            for column, part in parts.items()
        }
        figures = {**row, "loss": history[-1].loss if history else None, **accuracies}
        return figures, round(trained.estimator.seconds_, 6)

    jobs = [
        (setting, params, params.seed + repeat)
        for setting, params in settings
        for repeat in range(params.repeats)
    ]
    found = progress(forked_map(one, jobs, processes=processes(data)), what=name, total=len(jobs))
    rows, seconds = zip(*found, strict=True)
    return pd.DataFrame(rows, columns=COLUMNS).round(6), list(seconds)


def written(setting: dict[str, Any]) -> str:
    """As `learning_rate 0.01, hidden 512-256`; of a single parameter the value alone."""
    values = {
        key: "-".join(map(str, value)) or "none" if isinstance(value, list) else str(value)
        for key, value in setting.items()
    }
    if len(values) == 1:
        return next(iter(values.values()))
    return ", ".join(f"{key} {value}" for key, value in values.items())

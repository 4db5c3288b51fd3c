"""Stage sweep@NAME: a run with each combination of some values -> reports/sweeps/NAME.csv."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.console import counted, progress, run
from pipeline.epochs import hit_at_1
from pipeline.errors import UserError
from pipeline.inputs import Inputs, read_inputs
from pipeline.parallel import forked_map
from pipeline.params import Run, load_params, named
from pipeline.runs import Dataset, processes, train
from pipeline.sweeps import best_setting
from pipeline.tables import replacing

COLUMNS = [
    "setting", "seed", "diverged", "loss",
    "accuracy", "validation_accuracy", "test_accuracy", "seconds",
]  # fmt: skip


def sweep(settings: list[tuple[dict[str, Any], Run]], inputs: Inputs, *, name: str) -> pd.DataFrame:
    """A row per setting and seed: last training loss, accuracies, seconds.

    A setting that diverged has no figures. Errors: `UserError`.
    """
    data = Dataset(inputs.vectors, inputs.targets)
    multilabel = inputs.multilabel
    training, validation, test = (
        data[inputs.split == part] for part in ("train", "validation", "test")
    )

    def one(job: tuple[dict[str, Any], Run, int]) -> dict[str, Any]:
        setting, params, seed = job
        row = {"setting": written(setting), "seed": seed, "diverged": False}
        try:
            trained = train(
                params, training, validation,
                multilabel=multilabel, image_shape=inputs.image_shape, seed=seed,
            )  # fmt: skip
        except FloatingPointError:
            return {**row, "diverged": True}
        except ValueError as error:
            raise UserError(f"sweeps.{name}, {row['setting']}: {error}") from None
        history = trained.estimator.history_
        return {
            **row,
            "loss": history[-1].loss if history else None,
            **{
                column: hit_at_1(trained.scores(part.vectors), part.targets)
                for column, part in (
                    ("accuracy", training),
                    ("validation_accuracy", validation),
                    ("test_accuracy", test),
                )
            },
            "seconds": trained.estimator.seconds_,
        }

    jobs = [
        (setting, params, params.seed + repeat)
        for setting, params in settings
        for repeat in range(params.repeats)
    ]
    rows = progress(forked_map(one, jobs, processes=processes(data)), what=name, total=len(jobs))
    return pd.DataFrame(rows, columns=COLUMNS).round(6)


def written(setting: dict[str, Any]) -> str:
    """As `learning_rate 0.01, hidden 512-256`; of a single parameter the value alone."""
    values = {
        key: "-".join(map(str, value)) or "none" if isinstance(value, list) else str(value)
        for key, value in setting.items()
    }
    if len(values) == 1:
        return next(iter(values.values()))
    return ", ".join(f"{key} {value}" for key, value in values.items())


def main() -> None:
    params = load_params()
    name = sys.argv[1]
    images_dir, components_dir, features_dir, pixels_dir, sweep_file = map(Path, sys.argv[2:])
    entry = named(params.sweeps, name, section="sweeps")
    base = params.classifiers[entry.base]
    folder = {"components": components_dir, "features": features_dir, "pixels": pixels_dir}
    inputs = read_inputs(images_dir, folder[base.input], base.input)
    table = sweep(entry.settings(base), inputs, name=name)
    with replacing(sweep_file) as temporary:
        table.to_csv(temporary, index=False)
    diverged = table.loc[table["diverged"], "setting"].nunique()
    best = best_setting(table)
    print(
        f"sweep {name}: {counted(table['setting'].nunique(), 'setting')}, "
        + (f"best on validation {best[0]} ({best[1]:.3f})" if best else "none ended")
        + (f", {diverged} diverged" if diverged else "")
    )


if __name__ == "__main__":
    run(main)

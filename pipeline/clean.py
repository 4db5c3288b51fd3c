"""What runs left that are no longer in params.yaml: `python -m pipeline.clean [--remove]`."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline.artifacts import models
from pipeline.artifacts.comparisons import comparison_path
from pipeline.artifacts.explanations import explanations_path
from pipeline.artifacts.histories import history_path
from pipeline.artifacts.predictions import predictions_path, stacked_path
from pipeline.artifacts.sweeps import sweep_path
from pipeline.artifacts.times import run_times_path, sweep_times_path
from pipeline.artifacts.trainings import training_path
from pipeline.command import run
from pipeline.core.console import counted, on_one_line
from pipeline.params import Params, load_params


def left_over(params: Params) -> list[Path]:
    """Files of runs, stacks, sweeps and comparisons that `params` have not, in order."""
    trained = {*params.classifiers, *params.cnns}
    places: tuple[tuple[Path, Iterable[str]], ...] = (
        (predictions_path("*"), trained),
        (stacked_path("*"), params.stacks),
        (models.run_path("*"), params.classifiers),
        (models.cnn_path("*"), params.cnns),
        (models.stack_path("*"), params.stacks),
        (models.checkpoint_path("*", 0), params.cnns),
        (history_path("*"), trained),
        (training_path("*"), {*trained, *params.stacks}),
        (explanations_path("*"), params.cnns),
        (sweep_path("*"), params.sweeps),
        (comparison_path("*"), params.comparisons),
        (run_times_path("*"), {*trained, *params.stacks}),
        (sweep_times_path("*"), params.sweeps),
    )
    return [file for any_name, names in places for file in _others(any_name.parent, set(names))]


def _others(folder: Path, names: set[str]) -> Iterator[Path]:
    for file in sorted(folder.glob("[!.]*")):
        if file.name.partition(".")[0] not in names:
            yield file


def says_left_over(params: Params) -> Iterator[str]:
    """A line, where something is left."""
    if found := left_over(params):
        files = counted(len(found), "file")
        yield f"left: {files} of runs that are not in params.yaml; list: `python -m pipeline.clean`"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m pipeline.clean", description=__doc__)
    parser.add_argument("--remove", action="store_true", help="not only list them")
    remove = parser.parse_args().remove
    found = left_over(load_params())
    for file in found:
        size = file.stat().st_size
        print(f"{size / 1e6:8.1f} MB  {on_one_line(str(file))}")
        if remove:
            file.unlink()
    files = counted(len(found), "file")
    done = "removed" if remove else "to remove: `python -m pipeline.clean --remove`"
    print(f"{files} of runs that are not in params.yaml" + (f", {done}" if found else ""))


if __name__ == "__main__":
    run(main)

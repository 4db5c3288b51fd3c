"""Stage sweep@NAME: a run with each combination of some values -> reports/sweeps/NAME.csv."""

from __future__ import annotations

from pipeline.artifacts import times
from pipeline.artifacts.sweeps import best_setting, sweep_path, write_sweep
from pipeline.classifiers.inputs import read_inputs
from pipeline.classifiers.params import Run
from pipeline.core.console import counted
from pipeline.core.digests import file_digest
from pipeline.sweeps.params import Sweep
from pipeline.sweeps.settings import train_settings


def sweep(name: str, params: Sweep, base: Run) -> str:
    """Train `base` with all settings; returns the best."""
    table, seconds = train_settings(params.settings(base), read_inputs(base), name=name)
    path = sweep_path(name)
    write_sweep(path, table)
    times.write_times(times.sweep_times_path(name), made=file_digest(path), seconds=seconds)
    diverged = table.loc[table["diverged"], "setting"].nunique()
    best = best_setting(table)
    return (
        f"sweep {name}: {counted(table['setting'].nunique(), 'setting')}, "
        + (f"best on validation {best[0]} ({best[1]:.3f})" if best else "none ended")
        + (f", {diverged} diverged" if diverged else "")
    )

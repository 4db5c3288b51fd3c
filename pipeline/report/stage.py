"""Stage report: everything the other stages wrote -> reports/index.html, summary.txt."""

from __future__ import annotations

from typing import Any

from pipeline.artifacts.pages import PAGE, SUMMARY
from pipeline.core.files import write_text
from pipeline.report.experiment import Experiment
from pipeline.report.page import render


def report(whole: dict[str, Any], thresholds: dict[str, float]) -> str:
    """Write the page and the summary; returns the summary, which ends with where the page is.

    whole: params.yaml as plain data; thresholds: of each run. Errors: `UserError` when a file is
    missing or damaged.
    """
    experiment = Experiment(whole, thresholds)
    write_text(PAGE, render(experiment))
    text = f"{summary(experiment)}\n\nreport: {PAGE}"
    write_text(SUMMARY, f"{text}\n")
    return text


def summary(experiment: Experiment) -> str:
    """The table of runs for the terminal."""
    width = max(len("run"), *(len(name) for name in experiment.runs)) + 2
    lines = [
        f"{'run':<{width}}  {'accuracy':<13}{'95 % interval':>17}{'macro F1':>10}{'validation':>12}"
    ]
    for name, of in experiment.scores.items():
        repeated = experiment.trainings[name].repeats > 1
        deviation = f" ± {of['accuracy_sd']:.3f}" if repeated else ""
        interval = f"{of['accuracy_low']:.3f} to {of['accuracy_high']:.3f}"
        lines.append(
            f"{name:<{width}}{of['accuracy']:>7.3f}{deviation:<8}{interval:>17}"
            f"{of['macro_f1']:>10.3f}{of['validation_accuracy']:>12.3f}"
            + ("  best on validation" if name == experiment.best else "")
            + ("  not told apart from it" if name in experiment.not_told_apart else "")
        )
    return "\n".join(lines)

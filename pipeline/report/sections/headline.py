"""What was found, in a sentence and a few more."""

from __future__ import annotations

from pipeline.report.experiment import Experiment
from pipeline.report.section import Section


def section(experiment: Experiment) -> Section:
    return Section(
        {
            "scores": experiment.scores[experiment.best],
            "split_by": experiment.images.metadata["split_by"],
            "untrained": experiment.backbone["weights"] == "random",
        }
    )

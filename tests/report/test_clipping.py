"""What a figure leaves out, so that the rest can be seen."""

from __future__ import annotations

import pandas as pd
import pytest

from pipeline.report.clipping import Range, usual_range
from pipeline.report.sections import sweeps, training

DECAY = [2.3 * 0.9**epoch for epoch in range(200)]


def losses(**curves):
    rows = [(run, i, value) for run, values in curves.items() for i, value in enumerate(values, 1)]
    return pd.DataFrame(rows, columns=["run", "epoch", "loss"])


@pytest.mark.parametrize(
    "curves",
    [
        {"a": DECAY},
        {"a": [2.0, 3.0, 9.0]},
        {"a": DECAY, "b": [0.1, 0.05, 0.01], "c": [5.5, 5.4, 5.3], "d": [5.0]},
        {"a": [0.0, 0.0], "b": [0.0]},
        {},
    ],
)
def test_usual_losses_are_shown_whole(curves):
    assert usual_range(losses(**curves), "loss", of="run") is None


@pytest.mark.parametrize("others", [1, 2, 6, 23])
def test_a_run_that_diverges_does_not_flatten_the_others(others):
    calm = {f"run {i}": DECAY for i in range(others)}
    found = usual_range(losses(a=[2.3, 9.0, 1e3, 4e6, 3e5], **calm), "loss", of="run")
    assert found == Range(min(DECAY), 9.0, {"a": 4e6})


def test_losses_far_below_are_as_large():
    found = usual_range(losses(a=DECAY, b=[1.0, -2e4, 8.0]), "loss", of="run")
    assert found == Range(min(DECAY), 8.0, {"b": -2e4})


def test_a_leap_of_a_lone_run_does_not_flatten_the_rest():
    found = usual_range(losses(a=[*DECAY, 1e9]), "loss", of="run")
    assert found == Range(min(DECAY), 2.3, {"a": 1e9})


def test_the_range_is_that_of_the_axis_and_its_marks_are_clipped():
    history = losses(a=DECAY, b=[1e9]).assign(accuracy=0.5, validation_accuracy=0.4)
    loss = usual_range(history, "loss", of="run")
    panels = training.curves(history, ["a", "b"], loss).to_dict()["hconcat"]
    assert [panel["mark"]["clip"] for panel in panels] == [True, False, False]
    scales = [panel["encoding"]["y"]["scale"] for panel in panels]
    assert scales[0]["domain"] == [min(DECAY), 2.3]
    assert "domain" not in scales[1]


def test_the_deviation_of_a_setting_is_shown_too():
    values = [0.5, 0.7, 0.4, 0.4, 2e5, 4e5, None, None]
    settings = [f"{i // 2}" for i in range(len(values))]
    found = sweeps.usual_loss(pd.DataFrame({"setting": settings, "loss": values}))
    assert found.low == pytest.approx(0.4)
    assert found.high == pytest.approx(0.6 + 0.2 / 2**0.5)
    assert found.beyond == {"2": pytest.approx(3e5 + 2e5 / 2**0.5)}
    assert sweeps.usual_loss(pd.DataFrame({"setting": ["1"], "loss": [float("nan")]})) is None

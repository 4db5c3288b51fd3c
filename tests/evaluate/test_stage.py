"""What becomes of the histories."""

import pandas as pd
import pytest

from pipeline.evaluate.stage import mean_history


def test_history_is_the_mean_as_far_as_all_repeats_went():
    history = pd.DataFrame(
        {
            "repeat": [0, 0, 0, 1, 1],
            "epoch": [1, 2, 3, 1, 2],
            "loss": [3.0, 2, 1, 5, 4],
            "accuracy": [0.0, 0.5, 1, 0.5, 0.5],
            "validation_accuracy": [0.2, 0.4, 0.9, 0.4, 0.6],
        }
    )
    found = mean_history("x", history)
    assert found["epoch"].tolist() == [1, 2]
    assert found["loss"].tolist() == [4, 3]
    assert found["validation_accuracy"].tolist() == pytest.approx([0.3, 0.5])

"""Which pictures a stack learns from."""

from __future__ import annotations

import numpy as np

from pipeline.artifacts.predictions import Predictions
from pipeline.stacks.stage import in_all


def test_pictures_that_all_members_have_in_the_order_of_each():
    members = [
        Predictions(ids, np.zeros((len(ids), 2), np.int8), np.zeros((1, len(ids), 2)), [], False)
        for ids in (["a", "b", "c", "d"], ["b", "c", "d"], ["x", "b", "d"])
    ]
    assert [rows.tolist() for rows in in_all(members)] == [[1, 3], [0, 2], [1, 2]]

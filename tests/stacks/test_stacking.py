"""Stacking: what the members' scores are worth is learned."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from pipeline.measure.temperature import at_temperature, fit_temperature
from pipeline.stacks.stacking import Stack


def members(count, *, seed):
    """Targets, scores of a member that knows them, of one that is wrong and of one that guesses."""
    rng = np.random.default_rng(seed)
    y = rng.integers(3, size=count)
    targets = np.eye(3, dtype=np.int8)[y]
    noisy = (targets + rng.random((count, 3))).astype(np.float32)
    swapped = targets[:, [1, 2, 0]].astype(np.float32)
    return targets, [noisy, swapped, rng.random((count, 3)).astype(np.float32)]


def fitted(*, multilabel=False):
    targets, scores = members(300, seed=0)
    return Stack.fit(
        ["a", "b", "c"], scores, targets, classes=list("xyz"), multilabel=multilabel, C=1.0
    )


def test_it_learns_whom_to_believe():
    targets, scores = members(200, seed=1)
    found = fitted().scores(scores)
    assert (found.argmax(1) == targets.argmax(1)).mean() > 0.98
    before, fit_scores = members(300, seed=0)
    expected = LogisticRegression(max_iter=1000).fit(np.hstack(fit_scores), before.argmax(1))
    np.testing.assert_allclose(found, expected.predict_proba(np.hstack(scores)), atol=1e-4)


@pytest.mark.parametrize("multilabel", [False, True])
def test_round_trip(tmp_path, multilabel):
    stack = fitted(multilabel=multilabel)
    stack.save(tmp_path / "stack.safetensors")
    loaded = Stack.load(tmp_path / "stack.safetensors")
    assert (loaded.runs, loaded.classes) == (("a", "b", "c"), ["x", "y", "z"])
    _, scores = members(20, seed=2)
    np.testing.assert_array_equal(loaded.scores(scores), stack.scores(scores))


@pytest.mark.parametrize("multilabel", [False, True])
def test_calibrated_it_answers_the_same(tmp_path, multilabel):
    """At the temperature that one finds who looks at its scores."""
    targets, scores = members(80, seed=1)
    stack = fitted(multilabel=multilabel)
    calibrated = stack.calibrated(scores, targets)
    own, found = stack.scores(scores), calibrated.scores(scores)
    expected = fit_temperature(own, targets, multilabel=multilabel)
    np.testing.assert_array_equal(found, at_temperature(own, expected, multilabel=multilabel))
    np.testing.assert_array_equal(found.argmax(1), own.argmax(1))
    calibrated.save(tmp_path / "stack.safetensors")
    loaded = Stack.load(tmp_path / "stack.safetensors")
    np.testing.assert_array_equal(loaded.scores(scores), found)


def test_a_damaged_file(tmp_path, refused):
    stack = fitted()
    stack.save(tmp_path / "stack.safetensors")
    (tmp_path / "stack.json").write_text("{}")
    with refused("stack.json is damaged", "dvc repro"):
        Stack.load(tmp_path / "stack.safetensors")

"""The distance against scikit-learn, and planted foreign pictures."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

from pipeline.novelty.neighbours import K, Neighbours


def pictures(rng, count, centres):
    return (centres[rng.integers(len(centres), size=count)]
            + rng.normal(size=(count, centres.shape[1]))).astype(np.float32)  # fmt: skip


@pytest.mark.parametrize("count", [400, 4])
def test_the_distance_is_scikit_learns(rng, count):
    train, x = rng.normal(size=(count, 20)), rng.normal(size=(30, 20))
    near = NearestNeighbors(n_neighbors=min(K, count)).fit(normalize(train))
    expected = near.kneighbors(normalize(x))[0][:, -1]
    found = Neighbours.of(train, x).distances(x)
    np.testing.assert_allclose(found, expected, atol=2e-3)  # they are kept in half precision


def test_planted_foreign_pictures_are_told_apart_and_most_others_kept(rng):
    centres = 3 * rng.normal(size=(5, 40))
    found = Neighbours.of(pictures(rng, 500, centres), pictures(rng, 200, centres))
    own = pictures(rng, 500, centres)
    foreign = pictures(rng, 500, 3 * rng.normal(size=(5, 40)))
    scores = found.distances(np.concatenate([own, foreign]))
    assert roc_auc_score(np.repeat([0, 1], 500), scores) > 0.99
    assert found.foreign(own).mean() < 0.1
    assert found.foreign(foreign).mean() > 0.9


def test_without_validation_nothing_is_foreign(rng):
    found = Neighbours.of(rng.normal(size=(20, 3)), np.empty((0, 3)))
    assert not found.foreign(rng.normal(size=(5, 3))).any()
    assert found.distances(np.empty((0, 3))).shape == (0,)


def test_a_picture_without_features_is_no_error(rng):
    found = Neighbours.of(rng.normal(size=(20, 3)), rng.normal(size=(20, 3)))
    assert np.isfinite(found.distances(np.zeros((1, 3)))).all()


def test_what_is_saved_is_loaded(rng, tmp_path):
    kept = Neighbours.of(rng.normal(size=(20, 3)), rng.normal(size=(20, 3)))
    kept.save(tmp_path / "novelty.safetensors", features={"a": 1})
    found, stored = Neighbours.load(tmp_path / "novelty.safetensors")
    np.testing.assert_array_equal(found.known, kept.known)
    assert (found.threshold, stored) == (kept.threshold, {"features": {"a": 1}})

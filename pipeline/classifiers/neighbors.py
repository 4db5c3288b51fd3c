"""Nearest neighbours and nearest centroids by several distances, one of them made for pictures."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import PositiveInt
from scipy.special import expit, softmax
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize
from sklearn.utils import gen_batches
from sklearn.utils.validation import check_is_fitted

from pipeline.classifiers.bounds import Distance, ImageShape
from pipeline.classifiers.estimator import Array, Classifier, Samples
from pipeline.classifiers.similarity import BLOCK, picture_shape, structural_similarity
from pipeline.compute.parallel import cores

NEAR = 10  # neighbours that make the hubness of csls: the k of the paper

# distance -> scikit-learn's metric, which gives the same order; it has none for csls and ssim.
METRICS: dict[Distance, str | None] = {
    "manhattan": "manhattan",
    "mse": "sqeuclidean",
    "cosine": "cosine",
    "csls": None,
    "ssim": None,
}


class DistanceClassifier(Classifier):
    """What the two classifiers share; a subclass says the distances to what decide.

    Parameters
    ----------
    distance : "manhattan", "mse" (mean squared error), "cosine", "csls" or "ssim" (1 - structural
        similarity of the pictures whose pixels the features are).
    image_shape : (H, W, C) of these pictures; None: the square one, grey or RGB, that D features
        make. Other distances do not read it.

    Attributes
    ----------
    data_range_ : () largest less smallest training value, the dynamic range L of ssim.
    hubness_ : of each training sample or centroid the r of csls; zeros for other distances.

    csls (Conneau et al. 2018, Word translation without parallel data, arXiv 1710.04087, section
    2.3) is 1 + r(y) - 2 cos(x, y) between x and a training sample or centroid y, r(y) being the
    mean cosine similarity of y to the 10 other training samples nearest to it. The r of x, the same
    for every y, would change no decision.

    The other attributes are those of `Classifier`. ssim compares brightness: features that were
    standardised one by one have lost it.
    """

    distance: Distance
    image_shape: ImageShape | None
    hubness_: Array

    _learned: tuple[str, ...]  # names of the learned arrays, attributes with a _ behind

    @property
    def _names(self) -> tuple[str, ...]:
        return (*self._learned, "hubness") if self.distance == "csls" else self._learned

    def state_dict(self) -> dict[str, Array]:
        """The learned arrays by name."""
        check_is_fitted(self)
        return {name: getattr(self, f"{name}_") for name in self._names}

    def _learn(self, samples: Sequence[Samples]) -> None:
        with self._timed(cores()):
            x, targets = samples[0]
            self.data_range_ = np.array(np.ptp(x) or 1, x.dtype)
            self._prepare_distance()
            self._learn_from(x, targets)
            self._prepare()

    def _load(self, state: Mapping[str, Array]) -> None:
        if state.keys() != set(self._names):
            raise ValueError(f"the state must be {', '.join(self._names)}, got {sorted(state)}")
        self.hubness_ = np.zeros(len(state[self._learned[0]]))
        for name, array in state.items():
            setattr(self, f"{name}_", array)
        self.n_features_in_ = state[self._learned[0]].shape[1]
        self._dtype = self.data_range_.dtype
        self._prepare_distance()
        self._prepare()

    @abstractmethod
    def _learn_from(self, x: Array, targets: Array) -> None:
        """Set the learned arrays from x (N, D) and targets (N, C) of 0 and 1."""

    @abstractmethod
    def _prepare(self) -> None:
        """Check the learned arrays and set what follows from them."""

    def _prepare_distance(self) -> None:
        if self.distance == "ssim":
            self._picture = picture_shape(self.n_features_in_, self.image_shape)

    def _similarity(self, x: Array, others: Array, hubness: Array) -> Array:
        """(N, D) and (M, D), of which `hubness` (M,) is -> (N, M): 1 - distance."""
        if self.distance == "csls":
            similarity: Array = 2 * normalize(x) @ normalize(others).T - hubness
            return similarity
        return structural_similarity(
            x, others, image_shape=self._picture, data_range=float(self.data_range_)
        )


class NeighborsClassifier(DistanceClassifier):
    """k nearest neighbours: the probability of a label is the share of them that have it.

    The other parameters are those of `DistanceClassifier`.

    Parameters
    ----------
    n_neighbors : training samples that vote, k.

    Attributes
    ----------
    samples_ : (N, D) the training data.
    targets_ : (N, C) int8, 1 where a sample has a label.
    """

    _learned = ("samples", "targets", "data_range")

    def __init__(
        self,
        n_neighbors: PositiveInt = 1,
        *,
        distance: Distance = "manhattan",
        image_shape: ImageShape | None = None,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.distance = distance
        self.image_shape = image_shape

    def _learn_from(self, x: Array, targets: Array) -> None:
        self.samples_, self.targets_ = x, targets.astype(np.int8)
        self.hubness_ = np.zeros(len(x), x.dtype)
        if self.distance == "csls":
            self.hubness_ = hubness(x, x, apart=True)

    def _prepare(self) -> None:
        n = len(self.samples_)
        if self.targets_.shape != (n, len(self.classes_)):
            raise ValueError(
                f"targets must be ({n}, {len(self.classes_)}), a row per sample and a column per "
                f"class, got {self.targets_.shape}"
            )
        if self.n_neighbors > n:
            raise ValueError(
                f"n_neighbors must be at most n_samples = {n}, got {self.n_neighbors!r}"
            )
        if metric := METRICS[self.distance]:
            self._index = NearestNeighbors(n_neighbors=self.n_neighbors, metric=metric)
            self._index.fit(self.samples_)

    def _probabilities(self, x: Array) -> Array:
        votes = self.targets_[self._neighbors(x)]  # (N, k, C)
        shares: Array = votes.mean(axis=1, dtype=x.dtype)
        return shares

    def _neighbors(self, x: Array) -> Array:
        """(N, D) -> (N, k) rows of `samples_`, in no particular order."""
        if METRICS[self.distance]:
            nearest: Array = self._index.kneighbors(x, return_distance=False)
            return nearest
        k = self.n_neighbors
        return np.concatenate(
            [
                np.argpartition(
                    self._similarity(x[rows], self.samples_, self.hubness_), -k, axis=1
                )[:, -k:]
                for rows in gen_batches(len(x), BLOCK)
            ]
        )


class CentroidClassifier(DistanceClassifier):
    """Nearest centroid, the mean of a class; the parameters are those of `DistanceClassifier`.

    Probabilities are the softmax of the negative distances, in units of their mean size between the
    training samples and the centroids of their classes. With indicator targets every label decides
    for itself, by the same rule, between the centroids of the samples with and without it.

    Attributes
    ----------
    centroids_ : (C, D), with indicator targets (2 C, D): with each label, then without;
        NaN where there is no such sample.
    scale_ : () the unit of the distances.
    """

    _learned = ("centroids", "scale", "data_range")

    def __init__(
        self, *, distance: Distance = "manhattan", image_shape: ImageShape | None = None
    ) -> None:
        self.distance = distance
        self.image_shape = image_shape

    def _learn_from(self, x: Array, targets: Array) -> None:
        groups = np.hstack([targets, 1 - targets]) if self.multilabel_ else targets
        with np.errstate(invalid="ignore"):  # 0 / 0 where a group is empty
            centroids = groups.T @ x / groups.sum(axis=0)[:, np.newaxis]
        self.centroids_ = centroids.astype(x.dtype)
        self.hubness_ = np.zeros(len(centroids), x.dtype)
        if self.distance == "csls":
            known = ~np.isnan(self.centroids_[:, 0])
            self.hubness_[known] = hubness(self.centroids_[known], x)
        self.scale_ = np.array(abs(self._distances(x)[groups == 1]).mean() or 1, x.dtype)

    def _prepare(self) -> None:
        n = len(self.classes_) * (2 if self.multilabel_ else 1)
        if len(self.centroids_) != n:
            raise ValueError(
                f"{len(self.classes_)} classes have {n} centroids, got {len(self.centroids_)}"
            )

    def _probabilities(self, x: Array) -> Array:
        scores = -self._distances(x) / self.scale_
        if self.multilabel_:
            with_label, without = np.hsplit(scores, 2)
            probabilities: Array = expit(with_label - without)
        else:
            probabilities = softmax(scores, axis=1)
        return probabilities

    def _distances(self, x: Array) -> Array:
        """(N, D) -> (N, centroids); infinite where a centroid is NaN."""
        distances = np.full((len(x), len(self.centroids_)), np.inf, x.dtype)
        known = ~np.isnan(self.centroids_[:, 0])
        centroids = self.centroids_[known]
        metric = METRICS[self.distance]
        for rows in gen_batches(len(x), 8 * BLOCK):  # scikit-learn copies them, in float64
            distances[rows, known] = (
                pairwise_distances(x[rows], centroids, metric=metric)
                if metric
                else 1 - self._similarity(x[rows], centroids, self.hubness_[known])
            )
        return distances


def hubness(others: Array, x: Array, *, apart: bool = False) -> Array:
    """Of each of `others` (M, D) the mean cosine similarity to its NEAR nearest of x (N, D), (M,).

    apart: `others` are x, and none is its own neighbour; a single one has 0.
    """
    k = min(NEAR, len(x) - apart)
    if not k:
        return np.zeros(len(others), x.dtype)
    units, means = normalize(x), np.empty(len(others), x.dtype)
    for rows in gen_batches(len(others), BLOCK):
        cosines = normalize(others[rows]) @ units.T
        if apart:
            cosines[np.arange(len(cosines)), np.arange(rows.start, rows.stop)] = -np.inf
        means[rows] = np.partition(cosines, -k, axis=1)[:, -k:].mean(axis=1)
    return means

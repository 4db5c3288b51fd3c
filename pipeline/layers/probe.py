"""How well layers tell the classes apart: ridge regression, cross-validated, on their kernels.

A set of layers is judged by the sum of its layers' kernels, X Xᵀ of standardised features, so that
whichever set is tried, one system of N pictures is solved (ridge regression in dual variables,
Saunders, Gammerman & Vovk, ICML 1998).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from pipeline.compute.parallel import ordered_map
from pipeline.measure.accuracy import hits

Array = NDArray[np.float32]
PENALTIES = (0.003, 0.03, 0.3)  # shares of the kernel's mean diagonal


@dataclass(frozen=True)
class Probe:
    """kernels: name of a layer -> (N, N); targets: (N, C) of 0 and 1."""

    kernels: Mapping[str, Array]
    targets: Array

    @classmethod
    def of(cls, layers: Mapping[str, Array], targets: NDArray[np.int8]) -> Probe:
        """layers: name -> features (N, D)."""
        return cls({name: kernel(x) for name, x in layers.items()}, targets.astype(np.float32))

    def accuracy(self, names: Sequence[str], folds: NDArray[np.int64]) -> float:
        """Share of the held-out pictures whose highest score is of a class that they have.

        folds: (N,) in which a picture is held out, -1 for never. The penalty is the best of
        PENALTIES.
        """
        gram: Array = np.sum([self.kernels[name] for name in names], axis=0)
        found = np.zeros((len(PENALTIES), *self.targets.shape), np.float32)

        def score(fold: int) -> None:
            held, kept = folds == fold, folds != fold
            found[:, held] = ridge(
                gram[np.ix_(kept, kept)], gram[np.ix_(held, kept)], self.targets[kept]
            )

        for _ in ordered_map(score, np.unique(folds[folds >= 0]).tolist()):
            pass
        scored = folds >= 0
        return float(hits(found[:, scored], self.targets[scored]).mean(axis=1).max())

    def choose(self, folds: NDArray[np.int64]) -> list[str]:
        """The best run of neighbouring layers.

        From the best layer on, that neighbour is added which leaves the accuracy higher, until all
        are in; of these sets the best is taken, of equal ones the smallest.
        """
        names = list(self.kernels)
        alone = [self.accuracy([name], folds) for name in names]
        first = int(np.argmax(alone))
        last, best, most = first, (first, first), alone[first]
        while (first, last) != (0, len(names) - 1):
            wider = [(first - 1, last)] * (first > 0) + [(first, last + 1)] * (
                last < len(names) - 1
            )
            tried = [self.accuracy(names[a : b + 1], folds) for a, b in wider]
            first, last = wider[int(np.argmax(tried))]
            if max(tried) > most:
                best, most = (first, last), max(tried)
        return names[best[0] : best[1] + 1]


def ridge(inner: Array, across: Array, targets: Array) -> Array:
    """Kernels (N, N) and (M, N), targets (N, C) -> what is predicted of the M: (P, M, C), for each
    of PENALTIES."""
    mean = targets.mean(axis=0)
    diagonal = float(np.trace(inner)) / len(inner) or 1.0
    found = np.empty((len(PENALTIES), len(across), len(mean)), np.float32)
    for row, penalty in enumerate(PENALTIES):
        system = inner.copy()
        system[np.diag_indices_from(system)] += np.float32(penalty * diagonal)
        found[row] = across @ cho_solve(cho_factor(system, overwrite_a=True), targets - mean) + mean
    return found


def kernel(x: Array) -> Array:
    """X Xᵀ of the standardised columns of (N, D)."""
    deviation = x.std(axis=0)
    standard = (x - x.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    product: Array = standard @ standard.T
    return product

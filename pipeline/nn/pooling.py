"""Pooling of pictures (N, H, W, C) by two along an axis; by width, then height it is 2 x 2."""

from __future__ import annotations

import numpy as np

from pipeline.nn.layers import Array, Layer


class Pool(Layer):
    """One value of each two neighbours along `axis`, 1 or 2; an odd last one is dropped."""

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.axis = axis


class MaxPool(Pool):
    """The larger value; of equal ones the first has the gradient."""

    def forward(self, x: Array, *, training: bool) -> Array:
        first, second = pairs(x, self.axis)
        if not training:
            larger: Array = np.maximum(first, second)
            return larger
        self._shape = x.shape
        self._is_first = self._own("is first", first.shape, np.bool_)
        np.greater_equal(first, second, out=self._is_first)
        return np.maximum(first, second, out=self._own("y", first.shape, x.dtype))

    def backward(self, grad: Array) -> Array:
        grad_in = self._own("grad_in", self._shape, grad.dtype)
        first, second = pairs(grad_in, self.axis)
        np.multiply(grad, self._is_first, out=first)
        np.subtract(grad, first, out=second)
        return grad_in


class AvgPool(Pool):
    """The mean."""

    def forward(self, x: Array, *, training: bool) -> Array:
        if training:
            self._shape = x.shape
        first, second = pairs(x, self.axis)
        y: Array = first + second
        y *= 0.5
        return y

    def backward(self, grad: Array) -> Array:
        grad_in = self._own("grad_in", self._shape, grad.dtype)
        for half in pairs(grad_in, self.axis):
            np.multiply(grad, 0.5, out=half)
        return grad_in


def pairs(x: Array, axis: int) -> tuple[Array, Array]:
    """Views of the first and second of each two neighbours along `axis`."""
    even = x.shape[axis] // 2 * 2
    before = (slice(None),) * axis
    return x[*before, 0:even:2], x[*before, 1:even:2]

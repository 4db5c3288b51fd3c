"""Convolution of pictures (N, H, W, C) with 3 x 3 kernels, and its gradients.

The 3 x 3 x C inputs of each output are copied side by side, a few pictures at a time so that the
copies stay in the second cache; then a convolution is a matrix product (im2col).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from pipeline.nn.layers import Array, Layer, Linear

BLOCK = 2**18  # values copied at a time


class AsPictures(Layer):
    """(N, H * W * C) -> (N, H, W, C)."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, x: Array, *, training: bool) -> Array:
        return x.reshape(-1, *self.shape)

    def backward(self, grad: Array) -> Array:
        return grad.reshape(len(grad), math.prod(self.shape))


class Conv2d(Linear):
    """Convolution (N, H, W, n_in) -> (N, H, W, n_out), 3 x 3, stride 1, padding 1.

        y[n, h, w, o] = b[o] + Σ x[n, h + i - 1, w + j - 1, c] W[i, j, c, o],  x = 0 outside

    Options as of `Linear`.
    """

    def __init__(self, n_in: int, n_out: int, **options: Any) -> None:
        super().__init__((3, 3, n_in, n_out), **options)

    def forward(self, x: Array, *, training: bool) -> Array:
        return self._forward(x) if training else self.replica()._forward(x)

    def _forward(self, x: Array) -> Array:
        weight, *bias = self.params
        self._padded = self._pad("padded", x)
        y = self._convolve(self._padded, weight, "y")
        if bias:
            y += bias[0]
        return y

    def backward(self, grad: Array) -> Array:
        self.backward_params(grad)
        # The same with kernels turned by 180 degrees, inputs and outputs exchanged.
        turned = np.ascontiguousarray(self.params[0][::-1, ::-1].swapaxes(2, 3))
        return self._convolve(self._pad("padded grad", grad), turned, "grad_in")

    def backward_params(self, grad: Array) -> None:
        kernels = self.grads[0].reshape(-1, grad.shape[-1])
        kernels[...] = 0
        for block, columns in self._columns(self._padded):
            kernels += columns.T @ _positions(grad[block])
        for bias in self.grads[1:]:
            positions = _positions(grad)
            np.matmul(np.ones(len(positions), grad.dtype), positions, out=bias)

    def _convolve(self, padded: Array, kernels: Array, name: str) -> Array:
        n, h, w, _ = padded.shape
        y = self._own(name, (n, h - 2, w - 2, kernels.shape[-1]), padded.dtype)
        matrix = kernels.reshape(-1, kernels.shape[-1])
        for block, columns in self._columns(padded):
            np.matmul(columns, matrix, out=_positions(y[block]))
        return y

    def _columns(self, padded: Array) -> Iterator[tuple[slice, Array]]:
        """Blocks of pictures and their (m * H * W, 9 C) inputs, overwritten by the next ones."""
        n, h, w, channels = padded.shape
        window = (h - 2, w - 2, 3, 3 * channels)  # three values across lie side by side
        a, b, c, d = padded.strides
        windows = as_strided(padded, (n, *window), (a, b, c, b, d))
        size = max(1, BLOCK // math.prod(window))
        for start in range(0, n, size):
            block = slice(start, min(start + size, n))
            length = block.stop - start
            columns = self._own("columns", (length * math.prod(window),), padded.dtype)
            columns.reshape(length, *window)[...] = windows[block]
            yield block, columns.reshape(-1, 9 * channels)

    def _pad(self, name: str, x: Array) -> Array:
        n, h, w, channels = x.shape
        padded = self._own(name, (n, h + 2, w + 2, channels), x.dtype)  # whose border stays 0
        padded[:, 1:-1, 1:-1] = x
        return padded


def _positions(x: Array) -> Array:
    """(N, H, W, C) -> (N * H * W, C), a view where x is contiguous."""
    return x.reshape(-1, x.shape[-1])

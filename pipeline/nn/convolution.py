"""Convolution of pictures (N, H, W, C) with 3 x 3 kernels, and its gradients.

It takes 16 products for each four outputs where the definition has 36 (Winograd's minimal filtering
F(2 x 2, 3 x 3), arXiv 1509.09308, section 4.1): with d a tile of 4 x 4 inputs and g a kernel, the
2 x 2 outputs are

    Aᵀ ((G g Gᵀ) ∘ (Bᵀ d B)) A,   summed over the channels before Aᵀ … A

     Bᵀ = 1  0 -1  0       G =  1   0   0       Aᵀ = 1  1  1  0
          0  1  1  0           1/2 1/2 1/2           0  1 -1  1
          0 -1  1  0           1/2 -1/2 1/2
          0 -1  0  1            0   0   1

so that the sums over the channels are 16 matrix products; the rest is additions. Gradients are the
same maps transposed. Tiles overlap by two: rows and columns are kept apart as even and odd ones.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from pipeline.nn.layers import Array, Layer, Linear

BLOCK = 2**17  # values transformed at a time: with their products they stay in the second cache
G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])
GG = np.kron(G, G)  # (16, 9)


class Pictures(Layer):
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

    def backward(self, grad: Array) -> Array:
        n, h, w, _ = grad.shape
        grad_in = self._own("grad_in", (n, h, w, self.params[0].shape[2]), grad.dtype)
        self._backward(grad, grad_in)
        return grad_in

    def backward_params(self, grad: Array) -> None:
        self._backward(grad, None)

    def _forward(self, x: Array) -> Array:
        weight, *bias = self.params
        n_in, n_out = weight.shape[2:]
        n, h, w, _ = x.shape
        th, tw = (h + 1) // 2, (w + 1) // 2
        # The border of zeros stays from batch to batch.
        self._padded = self._own("padded", (n, 2 * th + 2, 2, tw + 1, n_in), x.dtype)
        for half, values in zip(_columns(self._padded, h, w), _halves(x), strict=True):
            half[...] = values
        self._kernels = (GG.astype(x.dtype) @ weight.reshape(9, -1)).reshape(16, n_in, n_out)
        y = self._own("y", (n, 2 * th, 2 * tw, n_out), x.dtype)
        for block in self._blocks(n, th * tw):
            inputs = self._inputs(block)
            products = self._scratch("products", (*inputs.shape[:-1], n_out), x.dtype)
            np.matmul(_matrices(inputs), self._kernels, out=_matrices(products))
            if bias:
                products[1, 1] += bias[0]  # the one product that is in all four outputs
            rows = products[:2]
            _outputs(products, rows[0], rows[1])
            pixels = y[block].reshape(-1, th, 2, tw, 2, n_out).transpose(4, 2, 0, 1, 3, 5)
            _outputs(rows.swapaxes(0, 1), pixels[0], pixels[1])
        return y if (h, w) == y.shape[1:3] else np.ascontiguousarray(y[:, :h, :w])

    def _backward(self, grad: Array, grad_in: Array | None) -> None:
        n_in, n_out = self.params[0].shape[2:]
        n, h, w, _ = grad.shape
        th, tw = (h + 1) // 2, (w + 1) // 2
        if (h, w) != (2 * th, 2 * tw):
            padded = self._own("padded grad", (n, 2 * th, 2 * tw, n_out), grad.dtype)
            padded[:, :h, :w] = grad
            grad = padded
        transposed = np.ascontiguousarray(self._kernels.swapaxes(1, 2))
        kernels, part = np.zeros_like(self._kernels), np.empty_like(self._kernels)
        for g in self.grads[1:]:
            g[...] = 0
        for block in self._blocks(n, th * tw):
            pixels = grad[block].reshape(-1, th, 2, tw, 2, n_out)
            m = len(pixels)
            columns = self._scratch("columns", (4, m, th, 2, tw, n_out), grad.dtype)
            _outputs_transposed(pixels[..., 0, :], pixels[..., 1, :], columns)
            products = self._scratch("products", (4, 4, m, th, tw, n_out), grad.dtype)
            _outputs_transposed(columns[:, :, :, 0], columns[:, :, :, 1], products)
            inputs = self._inputs(block)
            kernels += np.matmul(_matrices(inputs).swapaxes(1, 2), _matrices(products), out=part)
            for g in self.grads[1:]:
                g += np.ones(m * th * tw, g.dtype) @ products[1, 1].reshape(-1, n_out)
            if grad_in is None:
                continue
            np.matmul(_matrices(products), transposed, out=_matrices(inputs))
            rows = self._scratch("rows", (4, m, th, 2, tw + 1, n_in), grad.dtype)
            rows[..., -1, :] = 0
            _tiles_transposed(inputs.swapaxes(0, 1), *_tile_columns(rows))
            padded = self._scratch("grad", (m, 2 * th + 2, 2, tw + 1, n_in), grad.dtype)
            padded[:, -2:] = 0
            _tiles_transposed(rows, *_tile_rows(padded))
            halves = _halves(grad_in[block])
            for values, half in zip(_columns(padded, h, w), halves, strict=True):
                half[...] = values
        np.matmul(
            GG.T.astype(grad.dtype), kernels.reshape(16, -1), out=self.grads[0].reshape(9, -1)
        )

    def _blocks(self, n: int, tiles: int) -> list[slice]:
        size = max(1, BLOCK // (16 * tiles * max(self.params[0].shape[2:])))
        return [slice(start, start + size) for start in range(0, n, size)]

    def _inputs(self, block: slice) -> Array:
        """Bᵀ d B of the padded inputs of a block, (4, 4, m, H / 2, W / 2, n_in)."""
        padded = self._padded[block]
        m, h, _, w, n_in = padded.shape
        th, tw = h // 2 - 1, w - 1
        rows = self._scratch("rows", (4, m, th, 2, tw + 1, n_in), padded.dtype)
        _tiles(*_tile_rows(padded), rows)
        inputs = self._scratch("inputs", (4, 4, m, th, tw, n_in), padded.dtype)
        _tiles(*_tile_columns(rows), inputs.swapaxes(0, 1))
        return inputs

    def _scratch(self, name: str, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
        return self._own(name, (math.prod(shape),), dtype).reshape(shape)


def _halves(x: Array) -> tuple[Array, Array]:
    """The columns 0, 2, … and 1, 3, … of pictures (N, H, W, C)."""
    return x[:, :, 0::2], x[:, :, 1::2]


def _columns(padded: Array, h: int, w: int) -> tuple[Array, Array]:
    """Where `_halves` lie in (N, H + 2, 2, W / 2 + 1, C), whose first column is even and 0."""
    return padded[:, 1 : h + 1, 1, : (w + 1) // 2], padded[:, 1 : h + 1, 0, 1 : w // 2 + 1]


def _tile_rows(padded: Array) -> tuple[Array, Array, Array, Array]:
    """The first to fourth row of every tile in (N, H + 2, …)."""
    return padded[:, 0:-2:2], padded[:, 1:-2:2], padded[:, 2::2], padded[:, 3::2]


def _tile_columns(rows: Array) -> tuple[Array, Array, Array, Array]:
    """The first to fourth column of every tile in (…, 2, W / 2 + 1, C)."""
    even, odd = rows[..., 0, :, :], rows[..., 1, :, :]
    return even[..., :-1, :], odd[..., :-1, :], even[..., 1:, :], odd[..., 1:, :]


def _tiles(d0: Array, d1: Array, d2: Array, d3: Array, out: Array) -> None:
    """out = Bᵀ d along one axis of the tiles."""
    np.subtract(d0, d2, out=out[0])
    np.add(d1, d2, out=out[1])
    np.subtract(d2, d1, out=out[2])
    np.subtract(d3, d1, out=out[3])


def _tiles_transposed(grads: Array, d0: Array, d1: Array, d2: Array, d3: Array) -> None:
    """d = B grads along one axis, overlaps added up; changes `grads`.

    d2 and d3 are d0 and d1 of the next tiles, those of the last tile 0 at first.
    """
    d0[...] = grads[0]
    np.subtract(grads[1], grads[2], out=d1)
    d1 -= grads[3]
    grads[1] += grads[2]
    grads[1] -= grads[0]
    d2 += grads[1]
    d3 += grads[3]


def _outputs(products: Array, y0: Array, y1: Array) -> None:
    """y = Aᵀ products along one axis; changes `products`, whose first two y may be."""
    products[0] += products[1]
    np.add(products[0], products[2], out=y0)
    products[1] -= products[2]
    np.add(products[1], products[3], out=y1)


def _outputs_transposed(g0: Array, g1: Array, out: Array) -> None:
    """out = A g along one axis."""
    out[0] = g0
    np.add(g0, g1, out=out[1])
    np.subtract(g0, g1, out=out[2])
    out[3] = g1


def _matrices(tiles: Array) -> Array:
    """(4, 4, m, H / 2, W / 2, C) -> a view (16, tiles, C)."""
    return tiles.reshape(16, -1, tiles.shape[-1])

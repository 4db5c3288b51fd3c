"""Structural similarity (SSIM) of all pairs of pictures of two sets."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import gen_batches
from threadpoolctl import threadpool_limits

from pipeline.classifiers.bounds import ImageShape
from pipeline.compute.parallel import ordered_map


def square_picture(n_features: int) -> tuple[int, int, int] | None:
    """(H, W, C) of the square picture, grey or RGB, with so many values; None: there is none."""
    for channels in (1, 3):
        side = math.isqrt(n_features // channels)
        if side * side * channels == n_features:
            return side, side, channels
    return None


Array = NDArray[np.float32]

WINDOW = 7  # side of the square windows
C1, C2 = 0.01**2, 0.03**2  # (K1 L)² and (K2 L)² for a dynamic range L of 1
BLOCK = 512  # pictures of either set that one thread compares at a time


def picture_shape(n_features: int, image_shape: ImageShape | None) -> tuple[int, int, int]:
    """(H, W, C) of pictures with `n_features` values.

    None: the square picture, grey or RGB, that so many values make. `ValueError` where there is
    none, where `image_shape` has another number of values, or where a side is below WINDOW.
    """
    if image_shape is None:
        square = square_picture(n_features)
        if square is None:
            raise ValueError(
                f"ssim compares pictures: {n_features} features make no square one, grey or RGB; "
                "give image_shape (H, W, C) or choose another distance"
            )
        height, width, channels = square
    else:
        if math.prod(image_shape) != n_features:
            raise ValueError(
                f"image_shape must be (H, W, C) with H * W * C = {n_features} features, "
                f"got {image_shape!r}"
            )
        height, width, channels = image_shape
    if min(height, width) < WINDOW:
        raise ValueError(
            f"ssim has windows of {WINDOW} x {WINDOW} pixels, the pictures have {height} x {width}:"
            " choose another distance"
        )
    return height, width, channels


def structural_similarity(
    A: NDArray[np.floating],
    B: NDArray[np.floating],
    *,
    image_shape: tuple[int, int, int],
    data_range: float,
) -> Array:
    """Mean SSIM of every picture of A (M, H * W * C) with every one of B (N, H * W * C): (M, N).

    Wang et al., Image Quality Assessment: From Error Visibility to Structural Similarity, 2004,
    eq. 13, with uniform 7 x 7 windows, sample covariances (N - 1), K1 = 0.01 and K2 = 0.03: the
    mean over the windows that lie inside the picture and over the channels; 1 for equal pictures.
    It is scikit-image's `structural_similarity(a, b, win_size=7, channel_axis=-1)`.

    data_range: largest less smallest value a pixel can have. Computed in float32, one thread per
    core; good to 1e-4 where the values spread over no more than a few times `data_range`.
    """
    similarity = np.empty((len(A), len(B)), np.float32)

    def compute(block: tuple[slice, slice]) -> None:
        a, b = (
            _statistics(X[part], image_shape, data_range)
            for X, part in zip((A, B), block, strict=True)
        )
        similarity[block] = _mean_ssim(a, b)

    blocks = product(gen_batches(len(A), BLOCK), gen_batches(len(B), BLOCK))
    with threadpool_limits(limits=1, user_api="blas"):
        for _ in ordered_map(compute, blocks):
            pass
    return similarity


@dataclass(frozen=True)
class _Statistics:
    """What SSIM needs of each of N pictures; (y, x) is the top left corner of a window."""

    pixels: Array  # (H, W, C, N), scaled and shifted so that their sums of products are 2 cov
    means: Array  # (y, x, C, N), of `pixels`
    luminance: Array  # (y, x, C, 2, N): l_a · l_b = 2 mu_a mu_b + C1
    energy: Array  # (y, x, C, 4, N): e_a · reversed e_b = the denominator of SSIM


def _statistics(
    X: NDArray[np.floating], image_shape: tuple[int, int, int], data_range: float
) -> _Statistics:
    n = WINDOW**2
    pixels = np.divide(X.T, data_range, dtype=np.float32, order="C").reshape(*image_shape, -1)
    level = pixels.mean(axis=(0, 1))
    pixels -= level  # sums of squares would lose digits to it
    means = _window_sums(pixels) / np.float32(n)
    variance = (_window_sums(pixels**2) - means**2 * np.float32(n)) / np.float32(n - 1)
    mu = means + level
    luminance = np.stack([math.sqrt(2) * mu, np.full_like(mu, math.sqrt(C1))], axis=3)
    # (mu_a² + mu_b² + C1) (var_a + var_b + C2) = (p_a + p_b) (q_a + q_b)
    p, q = mu**2 + np.float32(C1 / 2), variance + np.float32(C2 / 2)
    energy = np.stack([p * q, p, q, np.ones_like(p)], axis=3)
    scale = np.float32(math.sqrt(2 / (n - 1)))
    pixels *= scale
    means *= scale
    return _Statistics(pixels, means, luminance, energy)


def _window_sums(pixels: Array) -> Array:
    """(H, W, C, N) -> (H - 6, W - 6, C, N)."""
    height, width = (side - WINDOW + 1 for side in pixels.shape[:2])
    columns = pixels[:height].copy()
    for i in range(1, WINDOW):
        columns += pixels[i : i + height]
    sums = columns[:, :width].copy()
    for i in range(1, WINDOW):
        sums += columns[:, i : i + width]
    return sums


def _mean_ssim(a: _Statistics, b: _Statistics) -> Array:
    """(M, N). Each factor of SSIM is, window by window, one matrix product over all pairs."""
    m, n = a.pixels.shape[-1], b.pixels.shape[-1]
    patch_a, patch_b = (np.empty((WINDOW**2 + 1, k), np.float32) for k in (m, n))
    patch_a[-1], patch_b[-1] = C2, 1
    total = np.zeros((m, n), np.float32)
    ssim, factor = np.empty_like(total), np.empty_like(total)
    for y, x, c in np.ndindex(a.means.shape[:3]):
        window = np.s_[y : y + WINDOW, x : x + WINDOW, c]
        # To subtract one mean is enough: its products with the other sum to 0.
        patch_a[:-1].reshape(WINDOW, WINDOW, m)[:] = a.pixels[window] - a.means[y, x, c]
        patch_b[:-1].reshape(WINDOW, WINDOW, n)[:] = b.pixels[window]
        np.matmul(patch_a.T, patch_b, out=ssim)
        ssim *= np.matmul(a.luminance[y, x, c].T, b.luminance[y, x, c], out=factor)
        ssim /= np.matmul(a.energy[y, x, c].T, b.energy[y, x, c, ::-1], out=factor)
        total += ssim
    return total / np.float32(math.prod(a.means.shape[:3]))

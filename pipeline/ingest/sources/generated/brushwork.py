"""What the invented painters paint with: a hand, a canvas, textures.

Coordinates run from 0 to 1, x to the right and y down; a picture is a square array
(size, size, 3) float32 in 0..1. All chance comes from the generator passed in.

The last digits of sin, exp, arctan2, `**` and the like depend on the processor's instruction set,
in NumPy and in the C library (`math`, Python's `**`). The painters use none of them, only what IEEE
754 rounds alike everywhere: + - * /, square roots, comparisons, rounding, `** 2` of an array (which
is a product); and, below, curves made of these. What is left of the C library is in the generator:
three in 10,000 normal numbers, those of the far tail, are logarithms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Array = NDArray[np.float32]
Floats = NDArray[Any]  # small arrays of numbers, float32 or float64
Generator = np.random.Generator

SUPERSAMPLE = 2  # a canvas is drawn this many times larger, then reduced, for smooth edges


@dataclass(frozen=True)
class Hand:
    """How a painter paints, whatever the genre. Numbers without a unit are in 0..1."""

    palette: Array  # (6, 3) RGB in 0..1, dark to light
    motifs: tuple[str, str]  # the subject painted most, and another
    scale: float  # size of the marks
    density: float  # how much the marks cover
    disorder: float  # how far the marks leave their pattern
    elongation: float  # round to long
    form: float  # which of a genre's compositions
    angle: float  # preferred direction, radians


class Canvas:
    """A picture to draw on."""

    def __init__(self, ground: Array) -> None:
        self.side = len(ground) * SUPERSAMPLE
        small = Image.fromarray((np.clip(ground, 0, 1) * 255 + 0.5).astype(np.uint8))
        self.image = small.resize((self.side, self.side), Image.Resampling.NEAREST)
        self.draw = ImageDraw.Draw(self.image)

    def polygon(self, points: Floats, colour: Floats) -> None:
        """Fill the polygon of `points` (N, 2)."""
        self.draw.polygon((points * self.side).ravel().tolist(), fill=_bytes(colour))

    def line(self, points: Floats, width: float, colour: Floats) -> None:
        """Draw a line through `points` (N, 2)."""
        pixels = max(1, round(width * self.side))
        flat = (points * self.side).ravel().tolist()
        self.draw.line(flat, fill=_bytes(colour), width=pixels)

    def daubs(
        self,
        centres: Floats,
        lengths: Floats | float,
        widths: Floats | float,
        angles: Floats,
        colours: Floats,
    ) -> None:
        """Fill N ellipses in order: centres (N, 2), colours (N, 3), the others (N,) or one."""
        self._daubs(centres, lengths, widths, directions(angles), colours)

    def _daubs(
        self,
        centres: Floats,
        lengths: Floats | float,
        widths: Floats | float,
        ways: Floats,
        colours: Floats,
    ) -> None:
        """As daubs, with unit vectors (N, 2) for the angles."""
        corners = 8 if np.max(widths, initial=0) < 0.05 else 20
        ring = directions(np.arange(corners) * (2 * np.pi / corners))
        along = ring[:, 0] * (np.broadcast_to(lengths, len(centres))[:, None] / 2)
        across = ring[:, 1] * (np.broadcast_to(widths, len(centres))[:, None] / 2)
        cos, sin = ways[:, :1], ways[:, 1:]
        x = centres[:, :1] + along * cos - across * sin
        y = centres[:, 1:] + along * sin + across * cos
        outlines = (np.stack([x, y], axis=2) * self.side).reshape(-1, 2 * corners).tolist()
        fills = (np.clip(colours, 0, 1) * 255 + 0.5).astype(int).tolist()
        for outline, fill in zip(outlines, fills, strict=True):
            self.draw.polygon(outline, fill=tuple(fill))

    def blots(self, centres: Floats, widths: Floats, colour: Floats) -> None:
        """N discs of one colour: centres (N, 2), widths (N,)."""
        colours = np.broadcast_to(colour, (len(centres), 3))
        self.daubs(centres, widths, widths, np.zeros(len(centres)), colours)

    def trail(self, points: Floats, widths: Floats, colour: Floats) -> None:
        """A stroke of changing width through `points` (N, 2): daubs that overlap."""
        steps = np.gradient(points, axis=0)
        far = np.maximum(distance(*steps.T), 1e-9)
        colours = np.broadcast_to(colour, (len(points), 3))
        lengths = np.maximum(far * 2.5, widths)
        self._daubs(points, lengths, widths, steps / far[:, None], colours)

    def pixels(self) -> Array:
        """The picture at its own size, (size, size, 3)."""
        pixels = np.asarray(self.image.reduce(SUPERSAMPLE)).astype(np.float32)
        return pixels / np.float32(255)


def _bytes(colour: Floats) -> tuple[int, ...]:
    return tuple((np.clip(colour, 0, 1) * 255 + 0.5).astype(int).tolist())


# ---------------------------------------------------------------- the same on every processor


def cosine(angle: Floats | float) -> Floats:
    """np.cos to within 1e-6."""
    turns = angle / (2 * np.pi)
    rise = 1 - 4 * abs(turns - np.round(turns))  # straight from -1 to 1 and back
    square = rise * rise
    bend = 0.5707903 - square * (0.0750958 - square * 0.0043226)
    curve: Floats = rise * (1 + (1 - square) * bend)
    return curve


def sine(angle: Floats | float) -> Floats:
    """np.sin to within 1e-6."""
    return cosine(angle - np.pi / 2)


def directions(angles: Floats | float) -> Floats:
    """Unit vectors (..., 2), x and y."""
    return np.stack([cosine(angles), sine(angles)], axis=-1)


def distance(x: Floats, y: Floats) -> Floats:
    """np.hypot."""
    root: Floats = np.sqrt(x * x + y * y)
    return root


def bearing(x: Floats, y: Floats) -> Floats:
    """np.arctan2(y, x) to within 0.001 radians."""
    ahead, aside = abs(x), abs(y) + np.float32(1e-9)
    slant = (ahead - aside) / (ahead + aside)
    square = slant * slant
    bend = (1 - square) * (0.20937 - 0.07607 * square)
    angle = np.pi / 4 - slant * (np.pi / 4 + bend)  # in the first quarter
    return np.copysign(np.where(x < 0, np.pi - angle, angle), y)


def decay(x: Floats) -> Floats:
    """np.exp(-x) to within 0.02, for x >= 0."""
    power = 1 / (1 + x / 16)
    for _ in range(4):
        power = power * power
    return power


# ---------------------------------------------------------------- textures


def coordinates(size: int) -> tuple[Array, Array]:
    """x (1, size) and y (size, 1) of the pixels' centres."""
    steps = ((np.arange(size) + 0.5) / size).astype(np.float32)
    return steps[None, :], steps[:, None]


def noise(rng: Generator, size: int, cells: int, octaves: int = 1) -> Array:
    """Smooth noise (size, size) in about 0..1; `cells` is the grid of the first octave."""
    total = np.zeros((size, size), np.float32)
    for octave in range(octaves):
        n = cells * 2**octave
        rough = Image.fromarray(rng.random((n, n), dtype=np.float32))
        smooth = np.asarray(rough.resize((size, size), Image.Resampling.BICUBIC))
        total += (smooth - 0.5) / 2**octave
    return total + 0.5


def ridge(rng: Generator, n: int, cells: int) -> Floats:
    """A jagged line: n heights of about -1..1."""
    at = np.linspace(0, 1, n)
    heights = np.zeros(n)
    for octave in range(3):
        knots = cells * 2**octave + 1
        heights += np.interp(at, np.linspace(0, 1, knots), rng.uniform(-1, 1, knots)) / 2**octave
    return heights


def wander(rng: Generator, start: Floats, angle: float, length: float, curl: float) -> Floats:
    """A path of 40 points (40, 2) that leaves `start` at `angle` and turns at random."""
    turns = angle + np.cumsum(np.cumsum(rng.normal(0, curl, 40)) * 0.12)
    return start + np.cumsum(directions(turns) * (length / 40), axis=0)


def pick(picture: Array, points: Floats) -> Floats:
    """The colours (N, 3) of `picture` at `points` (N, 2)."""
    x, y = np.clip(points * len(picture), 0, len(picture) - 1).astype(int).T
    colours: Floats = picture[y, x]
    return colours


def scattered(rng: Generator, n: int) -> Floats:
    """About n points (N, 2), spread evenly, in random order, also just over the edge."""
    side = max(2, round(math.sqrt(n)))
    cells = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=2).reshape(-1, 2)
    points: Floats = (cells + rng.uniform(-0.3, 1.3, cells.shape)) / side
    return rng.permutation(points)


def blend(a: Array, b: Array, amount: Floats | float) -> Array:
    """`a` where `amount` is 0, `b` where it is 1."""
    return (a + (b - a) * np.float32(amount)).astype(np.float32, copy=False)


def grey(picture: Array) -> Array:
    """The mean of the channels, (size, size)."""
    return (picture[..., 0] + picture[..., 1] + picture[..., 2]) / np.float32(3)

"""What the invented painters see: motifs, each a function of chance, palette and size."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from pipeline.ingest.sources.generated.brushwork import (
    Array,
    Canvas,
    Generator,
    blend,
    coordinates,
    noise,
    ridge,
    wander,
)


def _sky(rng: Generator, palette: Array, size: int) -> Array:
    _, y = coordinates(size)
    top, low = palette[rng.permutation([3, 4, 5])[:2]]
    clouds = noise(rng, size, 3, 2)[..., None]
    return blend(blend(top, low, np.clip(y * 1.8, 0, 1)[..., None]), palette[5], clouds * 0.5)


def _hills(rng: Generator, palette: Array, canvas: Canvas, horizon: float) -> None:
    x = np.linspace(0, 1, 33)
    layers = int(rng.integers(3, 6))
    for i in range(layers):
        base = horizon + (1 - horizon) * (i / layers) * math.sqrt(i / layers)
        y = base + ridge(rng, 33, 2) * 0.07
        colour = palette[[3, 2, 1, 3, 2, 0][(i + int(rng.integers(2))) % 6]]
        canvas.polygon(np.array([[0, 1.1], *zip(x, y, strict=True), [1, 1.1]]), colour)


def landscape(rng: Generator, palette: Array, size: int) -> Array:
    """Hills under a sky, with trees, often a sun."""
    canvas = Canvas(_sky(rng, palette, size))
    horizon = rng.uniform(0.3, 0.6)
    if rng.random() < 0.6:
        at = np.array([[rng.uniform(0.1, 0.9), horizon * rng.uniform(0.2, 0.8)]])
        canvas.blots(at, np.array([rng.uniform(0.08, 0.2)]), palette[rng.integers(3, 6)])
    _hills(rng, palette, canvas, horizon)
    for _ in range(rng.integers(0, 7)):
        foot = np.array([rng.uniform(0, 1), rng.uniform(horizon + 0.1, 0.95)])
        tall = foot[1] * rng.uniform(0.15, 0.35)
        crown = foot - [0, tall * 0.6] + rng.normal(0, tall * 0.15, (14, 2))
        canvas.line(np.stack([foot, foot - [0, tall * 0.6]]), tall * 0.09, palette[0])
        canvas.daubs(crown, tall * 0.5, tall * 0.4, np.zeros(14), palette[rng.integers(0, 3, 14)])
    return canvas.pixels()


def sea(rng: Generator, palette: Array, size: int) -> Array:
    """Water to the horizon, a broken reflection, boats."""
    canvas = Canvas(_sky(rng, palette, size))
    horizon = rng.uniform(0.3, 0.55)
    sun = np.array([rng.uniform(0.2, 0.8), horizon * rng.uniform(0.35, 0.9)])
    canvas.blots(sun[None], np.array([rng.uniform(0.08, 0.18)]), palette[rng.integers(3, 6)])
    canvas.polygon(np.array([[0, horizon], [1, horizon], [1, 1], [0, 1]]), palette[2])
    x, near = rng.uniform(0, 1, 160), rng.random(160)
    waves = np.stack([x, horizon + (1 - horizon) * near * np.sqrt(near)], axis=1)
    long = 0.04 + 0.2 * (waves[:, 1] - horizon)
    canvas.daubs(waves, long, long * 0.15, np.zeros(160), palette[rng.integers(1, 4, 160)])
    glints = np.stack([rng.normal(sun[0], 0.05, 40), rng.uniform(horizon, 1, 40)], 1)
    canvas.daubs(glints, 0.08, 0.012, np.zeros(40), np.repeat(palette[5:], 40, axis=0))
    for _ in range(rng.integers(0, 4)):
        foot = np.array([rng.uniform(0.1, 0.9), rng.uniform(horizon + 0.03, 0.8)])
        tall = 0.1 + 0.4 * (foot[1] - horizon)
        canvas.polygon(foot + np.array([[0, 0], [0, -1], [0.55, 0]]) * tall, palette[5])
        hull = np.array([[-0.4, 0], [0.7, 0], [0.45, 0.18], [-0.25, 0.18]])
        canvas.polygon(foot + hull * tall, palette[0])
    return canvas.pixels()


def still_life(rng: Generator, palette: Array, size: int) -> Array:
    """A vase of flowers and fruit on a table."""
    wall = palette[rng.integers(1, 6)] + (noise(rng, size, 3, 2)[..., None] - 0.5) * 0.25
    canvas = Canvas(wall.astype(np.float32))
    edge = rng.uniform(0.6, 0.75)
    tilt = rng.uniform(-0.06, 0.06)
    table = np.array([[0, edge], [1, edge + tilt], [1, 1], [0, 1]])
    canvas.polygon(table, palette[rng.integers(0, 6)])
    x, foot = rng.uniform(0.3, 0.7), edge + 0.15
    body = np.array([[-0.06, -0.3], [0.06, -0.3], [0.12, -0.12], [0.07, 0], [-0.07, 0]])
    flowers = np.array([x, foot - 0.42]) + rng.normal(0, 0.11, (40, 2))
    canvas.daubs(flowers, 0.1, 0.04, rng.uniform(0, 6, 40), palette[rng.integers(0, 3, 40)])
    canvas.polygon(np.array([x, foot]) + body * rng.uniform(0.8, 1.2), palette[rng.integers(0, 5)])
    canvas.daubs(flowers[:18], 0.08, 0.07, rng.uniform(0, 6, 18), palette[rng.integers(2, 6, 18)])
    for _ in range(rng.integers(2, 7)):
        at = np.array([[rng.uniform(0.1, 0.9), rng.uniform(edge + 0.06, 0.93)]])
        wide = np.array([rng.uniform(0.1, 0.17)])
        canvas.daubs(at + [0, 0.03], wide * 1.2, wide * 0.5, np.zeros(1), palette[:1])
        colour = palette[rng.integers(2, 6)]
        canvas.blots(at, wide, colour)
        canvas.blots(at - wide * 0.15, wide * 0.4, colour + 0.12)
    return canvas.pixels()


def head(rng: Generator, palette: Array, size: int) -> Array:
    """A person, from the shoulders up."""
    back = palette[rng.integers(0, 6)] + (noise(rng, size, 4, 2)[..., None] - 0.5) * 0.3
    canvas = Canvas(back.astype(np.float32))
    at = np.array([rng.uniform(0.4, 0.6), rng.uniform(0.36, 0.46)])
    wide, lean = rng.uniform(0.26, 0.36), np.array([np.pi / 2 + rng.normal(0, 0.12)])
    skin, coat, hair = palette[rng.integers(3, 6)], palette[rng.integers(0, 5)], palette[:1]
    canvas.daubs(at[None] - [0, 0.05], wide * 1.6, wide * 1.35, lean, hair)
    chest = np.array([[-0.5, 0.7], [-0.36, 0.3], [0, 0.2], [0.36, 0.3], [0.5, 0.7]])
    canvas.polygon(at + chest * 1.1, coat)
    canvas.line(np.stack([at, at + [0, 0.28]]), wide * 0.45, skin - 0.12)
    canvas.daubs(at[None], wide * 1.35, wide, lean, skin[None])
    side = float(rng.choice([-1, 1]))
    cheek = at + np.array([[side * wide * 0.25, 0.02]])
    canvas.daubs(cheek, wide * 1.05, wide * 0.4, lean, skin[None] - 0.13)
    eyes = at + np.array([[-0.21, -0.08], [0.21, -0.08]]) * wide
    canvas.daubs(eyes, wide * 0.2, wide * 0.09, np.zeros(2), np.repeat(hair, 2, axis=0))
    nose = at + np.array([[0, -0.1], [side * 0.1, 0.2], [0, 0.22]]) * wide
    canvas.line(nose, 0.012, skin - 0.25)
    canvas.daubs(at[None] + [0, wide * 0.4], wide * 0.3, wide * 0.1, np.zeros(1), palette[1:2])
    return canvas.pixels()


def wood(rng: Generator, palette: Array, size: int) -> Array:
    """Trunks and foliage."""
    canvas = Canvas(_sky(rng, palette, size))
    _hills(rng, palette, canvas, rng.uniform(0.55, 0.75))
    for x in np.sort(rng.uniform(0, 1, rng.integers(4, 12))):
        wide = rng.uniform(0.015, 0.06)
        trunk = wander(rng, np.array([x, 1.0]), -np.pi / 2, 1.1, 0.05)
        canvas.trail(trunk, np.linspace(wide, wide * 0.5, 40), palette[rng.integers(0, 3)])
    across, low = rng.uniform(0, 1, 220), rng.random(220)
    leaves = np.stack([across, 0.7 * low * np.sqrt(low)], axis=1)
    colours = palette[rng.integers(1, 6, 220)]
    canvas.daubs(leaves, 0.08, 0.045, rng.uniform(0, 3, 220), colours)
    return canvas.pixels()


def town(rng: Generator, palette: Array, size: int) -> Array:
    """Houses behind each other."""
    canvas = Canvas(_sky(rng, palette, size))
    for y in np.linspace(rng.uniform(0.35, 0.5), 1.0, 5):
        for x in np.arange(-0.1, 1.0, 0.2) + rng.uniform(-0.05, 0.05, 6):
            wide, tall = rng.uniform(0.12, 0.26), rng.uniform(0.15, 0.3)
            foot = np.array([x, y + tall * 0.5])
            box = np.array([[0, 0], [wide, 0], [wide, -tall], [0, -tall]])
            canvas.polygon(foot + box, palette[rng.integers(1, 6)])
            roof = np.array([[-0.02, -tall], [wide / 2, -tall * 1.5], [wide + 0.02, -tall]])
            canvas.polygon(foot + roof, palette[rng.integers(0, 4)])
            panes = np.array([[0.3, 0.7], [0.7, 0.7], [0.3, 0.35], [0.7, 0.35]]) * [wide, -tall]
            canvas.daubs(foot + panes, 0.05, 0.03, np.full(4, np.pi / 2), palette[[0, 0, 0, 5]])
    return canvas.pixels()


MOTIFS: dict[str, Callable[[Generator, Array, int], Array]] = {
    "landscape": landscape,
    "sea": sea,
    "still life": still_life,
    "head": head,
    "wood": wood,
    "town": town,
}

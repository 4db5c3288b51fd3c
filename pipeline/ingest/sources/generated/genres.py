"""How the invented painters see it: genres, each a function of chance, hand and motif."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np

from pipeline.ingest.sources.generated.brushwork import (
    Array,
    Canvas,
    Floats,
    Generator,
    Hand,
    bearing,
    blend,
    coordinates,
    decay,
    directions,
    distance,
    grey,
    noise,
    pick,
    ridge,
    scattered,
    sine,
    wander,
)


def impressionism(rng: Generator, hand: Hand, motif: Array) -> Array:
    """Short strokes that follow a flow, from broad to fine."""
    size = len(motif)
    flow = (noise(rng, size, 3) - 0.5) * (1 + 5 * hand.disorder)
    canvas = Canvas(blend(motif, hand.palette[2], 0.35))
    for layer in range(3):
        wide = (0.012 + 0.03 * hand.scale) * (1.6, 1.0, 0.6)[layer]
        points = scattered(rng, int((0.6 + 0.7 * hand.density) * 0.72 / (wide * math.sqrt(wide))))
        long = wide * (1.3 + 4 * hand.elongation) * rng.uniform(0.6, 1.4, len(points))
        angles = hand.angle + pick(flow[..., None], points)[:, 0]
        shade = rng.normal(0, 0.05, (len(points), 1)) + rng.normal(0, 0.03, (len(points), 3))
        canvas.daubs(points, long, wide, angles, pick(motif, points) + shade)
    return canvas.pixels()


def pointillism(rng: Generator, hand: Hand, motif: Array) -> Array:
    """Dots of divided colour on a ground."""
    canvas = Canvas(blend(motif, hand.palette[5], 0.4))
    wide = 0.012 + 0.02 * hand.scale
    points = scattered(rng, int((0.9 + hand.density) / (wide * wide) * 0.75))
    colours = pick(motif, points + rng.normal(0, 0.02 * hand.disorder, points.shape))
    other = hand.palette[rng.integers(0, 6, len(points))]
    mixed = (rng.random(len(points)) < 0.08 + 0.2 * hand.disorder)[:, None]
    colours = np.where(mixed, other, colours) + rng.normal(0, 0.05, colours.shape)
    widths = wide * rng.uniform(0.8, 1.2, len(points))
    long = widths * (1 + 0.9 * hand.elongation * hand.elongation)
    canvas.daubs(points, long, widths, np.full(len(points), hand.angle), colours)
    return canvas.pixels()


def cubism(rng: Generator, hand: Hand, motif: Array) -> Array:
    """The motif broken into shaded facets between families of straight lines."""
    size = len(motif)
    x, y = coordinates(size)
    families = 2 + int(rng.random() < 0.5) + int(hand.density > 0.5)
    dx, dy = np.zeros((2, size, size), np.float32)
    shade, outline = np.zeros((size, size), np.float32), np.zeros((size, size), bool)
    for family in range(families):
        angle = float(hand.angle + np.pi * family / families + rng.normal(0, 0.25))
        cos, sin = directions(angle).tolist()
        across = (x * cos + y * sin) / (0.12 + 0.3 * hand.scale)
        along = x * sin - y * cos
        across = across + 0.25 * sine(along * 5 + rng.uniform(0, 6)) * hand.elongation
        facet = np.floor(across + rng.random()).astype(np.int32) % 32
        within = (across + 10) % 1
        slips = rng.normal(0, 0.03 + 0.07 * hand.disorder, (2, 32)).astype(np.float32)
        dx, dy = dx + slips[0, facet], dy + slips[1, facet]
        shade += rng.uniform(-1, 1, 32).astype(np.float32)[facet] * (within - 0.3)
        outline |= within < 0.05
    u = (np.clip(x + dx, 0, 0.999) * size).astype(int)
    v = (np.clip(y + dy, 0, 0.999) * size).astype(int)
    muted = blend(motif, grey(motif)[..., None], 0.15 + 0.4 * (1 - hand.density))
    picture = muted[v, u] + 0.22 * shade[..., None]
    return blend(picture, hand.palette[0], 0.5 * outline[..., None] * hand.form)


def colour_field(rng: Generator, hand: Hand, motif: Array) -> Array:
    """A few large, soft-edged areas."""
    size = len(motif)
    x, y = coordinates(size)
    ground, *colours = _chosen(rng, hand, motif, 4)
    rough = (noise(rng, size, 5, 4) - 0.5) * (0.015 + 0.06 * hand.disorder)
    soft = 0.006 + 0.05 * hand.elongation
    picture = np.broadcast_to(ground, (size, size, 3)).astype(np.float32)
    for inside in _fields(rng, hand, x + rough, y + rough.T):
        cover = np.clip(inside / soft, 0, 1)[..., None] * rng.uniform(0.75, 1)
        picture = blend(picture, colours[int(rng.integers(3))], cover)
    stain = (noise(rng, size, 3, 5)[..., None] - 0.5) * (0.06 + 0.16 * hand.density)
    return picture + stain


def _chosen(rng: Generator, hand: Hand, motif: Array, n: int) -> Floats:
    """n colours (n, 3), most from the palette and some from the motif."""
    colours = hand.palette[rng.permutation(6)[:n]]
    seen = pick(motif, rng.random((n, 2)))
    return np.where(rng.random((n, 1)) < 0.25, seen, colours)


def _fields(rng: Generator, hand: Hand, x: Array, y: Array) -> list[Array]:
    """Distances inside each area, (size, size), negative outside."""
    form = int(hand.form * 4)
    margin = 0.04 + 0.1 * hand.scale
    if form == 0:  # stacked blocks
        cuts = np.sort(rng.uniform(0.2, 0.8, 1 + rng.integers(2))).tolist()
        edges = [margin, *cuts, 1 - margin]
        side = np.minimum(x - margin, 1 - margin - x)
        return [np.minimum(side, np.minimum(y - a, b - y) - 0.015) for a, b in pairwise(edges)]
    if form == 1:  # upright bands
        at = rng.uniform(0.05, 0.95, rng.integers(2, 7)).tolist()
        return [rng.uniform(0.01, 0.12) - abs(x - a) for a in at]
    if form == 2:  # a disc or rings
        away = distance(x - rng.normal(0.5, 0.06), y - rng.normal(0.5, 0.06))
        radii = np.sort(rng.uniform(0.1, 0.48, rng.integers(1, 5)))
        return [r - away for r in radii[::-1].tolist()]
    return [  # poured veils
        rng.uniform(0.1, 0.3) - abs(x - a + rng.normal(0, 0.5) * (y - 0.5))
        for a in rng.uniform(0.1, 0.9, rng.integers(3, 6)).tolist()
    ]


def hard_edge(rng: Generator, hand: Hand, motif: Array) -> Array:
    """Flat shapes with sharp edges."""
    colours = _chosen(rng, hand, motif, 6)
    canvas = Canvas(np.broadcast_to(colours[0], motif.shape).astype(np.float32))
    n = 2 + int(hand.density * 5 + rng.random() * 2)
    form = int(hand.form * 4)
    if form == 0:
        _grid(rng, canvas, hand, n, colours)
    for i in range(n * (form > 0)):
        colour = colours[1 + i % 5]
        at = rng.uniform(0, 1, 2)
        if form == 1:  # bars
            angle = hand.angle + rng.normal(0, hand.disorder) + np.pi / 2 * rng.integers(2)
            way = directions(angle)
            canvas.line(np.stack([at - 2 * way, at + 2 * way]), 0.03 + 0.2 * hand.scale, colour)
        elif form == 2:  # discs and half discs
            turn = hand.angle + np.linspace(0, np.pi * rng.integers(1, 3), 40)
            radius = rng.uniform(0.1, 0.2 + 0.3 * hand.scale)
            canvas.polygon(at + radius * directions(turn), colour)
        else:  # triangles and quadrangles
            turn = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 5)))
            radius = rng.uniform(0.2, 0.35 + 0.4 * hand.scale)
            canvas.polygon(at + radius * directions(turn), colour)
    return canvas.pixels()


def _grid(rng: Generator, canvas: Canvas, hand: Hand, n: int, colours: Floats) -> None:
    """Rectangles, with lines between them where the hand is orderly."""
    xs = np.array([0, *np.sort(rng.random(n)), 1])
    ys = np.array([0, *np.sort(rng.random(n)), 1])
    for left, right in pairwise(xs):
        for top, low in pairwise(ys):
            box = np.array([[left, top], [right, top], [right, low], [left, low]])
            coloured = rng.random() < 0.3 + 0.6 * hand.disorder
            canvas.polygon(box, colours[rng.integers(6)] if coloured else hand.palette[5])
    for at in xs if hand.disorder < 0.5 else ():
        canvas.line(np.array([[at, 0], [at, 1]]), 0.008 + 0.03 * hand.scale, hand.palette[0])
    for at in ys if hand.disorder < 0.5 else ():
        canvas.line(np.array([[0, at], [1, at]]), 0.008 + 0.03 * hand.scale, hand.palette[0])


def op_art(rng: Generator, hand: Hand, motif: Array) -> Array:
    """Regular patterns bent by a smooth bulge."""
    size = len(motif)
    x, y = coordinates(size)
    cx, cy = rng.normal(0.5, 0.15, 2).tolist()
    away = distance(x - cx, y - cy)
    bulge = 1 + rng.uniform(-1, 1) * decay((away / 0.3) ** 2)
    wave = 0.12 * hand.disorder * sine(rng.uniform(4, 12) * y + rng.uniform(0, 6))
    lines = 2 * math.pi * (26 - 18 * hand.scale)
    cos, sin = directions(hand.angle + rng.normal(0, 0.1)).tolist()
    u = ((x - cx) * cos + (y - cy) * sin) * bulge + wave
    v = ((y - cy) * cos - (x - cx) * sin) * bulge
    form = int(hand.form * 4)
    if form == 0:  # bands
        phase = sine(lines * u)
    elif form == 1:  # rings
        phase = sine(lines * (away * bulge + wave))
    elif form == 2:  # a chequerboard
        phase = sine(lines * u) * sine(lines * v) * 2
    else:  # rays
        phase = sine(bearing(x - cx, y - cy) * int(lines / 4) + 12 * wave + 8 * away)
    colours = _chosen(rng, hand, motif, 2)
    far = np.stack([hand.palette[0], hand.palette[5]])
    dark, light = blend(far, colours, 0.8 * hand.density)
    return blend(dark, light, np.clip(0.5 + 2.5 * phase, 0, 1)[..., None])


def ink_wash(rng: Generator, hand: Hand, motif: Array) -> Array:
    """Washes and brush strokes of one ink on paper."""
    size = len(motif)
    _, y = coordinates(size)
    wash = np.zeros((size, size), np.float32)
    if hand.form < 0.7:  # ridges that fade into mist
        for base in np.linspace(0.25, 0.85, 2 + int(3 * hand.density)):
            top = base + ridge(rng, size, 3) * (0.05 + 0.1 * hand.scale)
            below = y - top.astype(np.float32)[None]
            mist = (below > 0) * decay(np.maximum(9 * below, 0))
            wash = np.maximum(wash, mist * rng.uniform(0.3, 0.9))
    if hand.form > 0.5:  # the motif's shadows, bled into the paper
        shadow = np.clip(1.1 - grey(motif) * 1.6, 0, 1)
        wash = np.maximum(wash, shadow * np.clip(noise(rng, size, 5, 3) * 1.5, 0, 1))
    wash *= 0.75 + 0.5 * noise(rng, size, 8, 3)
    canvas = Canvas(np.zeros((size, size, 3), np.float32))
    for _ in range(int(rng.integers(1, 4) + 4 * hand.disorder)):
        _branch(rng, canvas, hand)
    stroke = canvas.pixels()[..., 0] * (0.7 + 0.3 * noise(rng, size, 12, 2))
    cover = np.clip(np.maximum(wash * 0.8, stroke), 0, 1)[..., None]
    paper = blend(hand.palette[5], np.ones(3, np.float32), 0.4)
    paper = paper * (0.94 + 0.1 * noise(rng, size, 4, 4)[..., None])
    return blend(paper.astype(np.float32), hand.palette[0] * 0.6, cover)


def _branch(rng: Generator, canvas: Canvas, hand: Hand) -> None:
    """A tapering stroke with leaves, in white on the canvas."""
    white = np.ones(3)
    wide = 0.012 + 0.05 * hand.scale * rng.random()
    path = wander(rng, rng.random(2), hand.angle + rng.normal(0, 0.4), rng.uniform(0.4, 1), 0.12)
    canvas.trail(path, wide * np.linspace(1, 0.2, 40) * rng.uniform(0.8, 1.2, 40), white)
    n = int(40 * hand.density)
    long = 0.02 + 0.08 * hand.elongation
    angles = hand.angle + rng.choice([-0.7, 0.7], n) + rng.normal(0, 0.3, n)
    leaves = path[rng.integers(8, 40, n)] + directions(angles) * long / 2
    canvas.daubs(leaves, long, long * 0.22 + 0.005, angles, rng.uniform(0.4, 1, (n, 1)) * white)


def tachism(rng: Generator, hand: Hand, motif: Array) -> Array:
    """Gestures: broad strokes, drips and splashes."""
    size = len(motif)
    ground = hand.palette[5 if hand.form < 0.6 else 0]
    canvas = Canvas(blend(blend(ground, motif, 0.3), ground, noise(rng, size, 4, 3)[..., None]))
    for _ in range(int((12 + 25 * hand.density) * (1 - hand.form))):
        _sweep(rng, canvas, hand)
    for _ in range(int(4 + 12 * hand.density)):
        _splash(rng, canvas, hand)
    for _ in range(int(45 * hand.form)):
        start, length = rng.uniform(-0.1, 1.1, 2), rng.uniform(0.5, 2.5)
        path = wander(rng, start, rng.uniform(0, 2 * np.pi), length, 0.3)
        width = (0.003 + 0.012 * hand.scale) * rng.uniform(0.5, 1.3)
        canvas.line(path, width, hand.palette[rng.integers(0, 6)])
    return canvas.pixels()


def _sweep(rng: Generator, canvas: Canvas, hand: Hand) -> None:
    """One stroke of a broad brush: bristles side by side."""
    angle = hand.angle + rng.normal(0, 0.2 + hand.disorder)
    path = wander(rng, rng.uniform(0, 1, 2), angle, 0.3 + 0.6 * hand.elongation, 0.12)
    across = directions(angle + np.pi / 2)
    colour, wide = hand.palette[rng.integers(0, 6)], 0.04 + 0.12 * hand.scale
    for offset in np.linspace(-wide, wide, 14):
        start, stop = rng.integers(0, 5), rng.integers(30, 41)
        shade = colour + rng.normal(0, 0.05)
        canvas.line(path[start:stop] + across * offset, wide / 6, shade)


def _splash(rng: Generator, canvas: Canvas, hand: Hand) -> None:
    """A blot, its droplets, sometimes a run down the picture."""
    at, colour = rng.random(2), hand.palette[rng.integers(0, 6)]
    wide = (0.02 + 0.1 * hand.scale) * rng.uniform(0.4, 1.2)
    drops = at + rng.standard_t(2.5, (24, 2)) * wide * (0.4 + hand.disorder)
    canvas.blots(drops, wide * 0.35 * rng.random(24) ** 2 + 0.003, colour)
    canvas.blots(at + rng.normal(0, wide * 0.3, (8, 2)), wide * rng.uniform(0.3, 0.9, 8), colour)
    if rng.random() < 0.4:
        run = np.stack([at, at + [0, rng.uniform(0.1, 0.4)]])
        canvas.line(run, 0.004 + wide * 0.08, colour)


# name -> (generator, hand, motif) -> picture; the genre with the largest share first
GENRES: dict[str, Callable[[Generator, Hand, Array], Array]] = {
    "Impressionism": impressionism,
    "Tachism": tachism,
    "Cubism": cubism,
    "Hard-Edge": hard_edge,
    "Pointillism": pointillism,
    "Colour Field": colour_field,
    "Ink Wash": ink_wash,
    "Op Art": op_art,
}

"""Paints deterministic pictures by invented painters.

Painters, labels and pixels depend on the parameters alone, whatever instruction set the processor
offers (brushwork says how), as long as NumPy, Pillow and the C library are the same: another NumPy
may draw other numbers, and the JPEG library in Pillow decides the bytes.

Each painter works in one or two genres, and all of a painter's pictures carry these labels,
although each is painted in one of them. A painter also has a hand (palette, marks, motifs, finish)
and often an influence, a further genre that shows in some pictures but in no label. A few pictures
are experiments in any genre, so that no classifier can be right about all of them.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.ingest.sources.generated.brushwork import (
    Array,
    Floats,
    Generator,
    Hand,
    blend,
    coordinates,
    cosine,
    grey,
    noise,
    sine,
)
from pipeline.ingest.sources.generated.genres import GENRES
from pipeline.ingest.sources.generated.motifs import MOTIFS
from pipeline.ingest.sources.params import GeneratedSource
from pipeline.ingest.sources.picture import Picture

NAMES = (
    "Aurelio Bastanti", "Ingrith Solvang", "Mattis Overgaard", "Łucja Wierzbin",
    "Oumar Diakhaté", "Søren Aldskov", "Teodora Vlășceni", "Kenji Morisawa",
    "Beatriz Almorim", "Živa Horvaček", "Casimir Dellacroy", "Nnenna Okwuora",
    "Élodie Garancourt", "Tomás Quirogal", "Yevhen Drozdenko", "Hallgerd Eiríksvör",
    "Pieter van Ooldersum", "Ayşe Tandoğlu", "Rosalind Thackmere", "Jürgen Wöllstadt",
    "Paolina Ferruzzani", "Chidera Nwabeke", "Mirela Cosmănița", "Antero Kuusisalmi",
    "Delphine Marchevault", "Ruben Castelhano", "Hye-rin Sonju", "Gwenllian Prythe",
    "Ibrahim Al-Qasrani", "Vendula Šafránčik", "Lorcan Dunmurray", "Amparo Villacoba",
    "Stellan Bergkvarn", "Noor van Hesselt", "Zoltán Kerekvári", "Emeline Vautrouge",
    "Baltasar Iriondegi", "Katrė Vaišvydė", "Augustin Pellerand", "Wanjiru Kamothe",
    "Leocadia Brunszwik", "Hamid Zarrinpour", "Siiri Lõhmusvald", "Donato Scarpaleggi",
    "Maren Tjelmeland", "Ottokar Hrubyslav", "Isaura Montenegrín", "Finnian Carrowbeg",
    "Anneliese Druckhart", "Rafi Ben-Shaldor", "Ysolde Kervarrec", "Grigor Manasaryan",
    "Thandeka Mbuyaswa", "Cornelis Wijntakker", "Lidia Przebylska", "Eskil Hammarvik",
    "Fiorella Montebruno", "Narek Ghazaryants", "Philippa Wetherlow", "Dragan Vukodolić",
    "Quang Thiện Lữ", "Solange Abenabou", "Bruno Engelschall", "Marisol Etxarandi",
    "Valdis Krūmiņkalns", "Cosima Rautenfeld", "Jacinto Peñaroya", "Runa Haldisdóttir",
    "Emmerich Zollikau", "Perpetua Lascarides", "Osvaldo Trentacoste", "Birgitta Nyströmsund",
)  # fmt: skip

SHARES = np.cumprod(np.full(len(GENRES), 0.83))  # of the whole output, by genre in order
TWO_GENRES, INFLUENCED = 0.33, 0.6  # shares of the painters
INFLUENCE = 0.25  # share of an influenced painter's pictures that show it
EXPERIMENTS = 0.10  # share of all pictures painted in any genre, whatever the painter's
JPEG_QUALITY = 90


@dataclass(frozen=True)
class Finish:
    """What became of a painter's surfaces. Each is in 0..1."""

    relief: float  # thickness of the paint
    weave: float  # of the canvas
    varnish: float  # yellowed
    cracks: float
    fading: float


@dataclass(frozen=True)
class Painter:
    """An invented painter."""

    name: str
    genres: tuple[str, ...]
    influence: str | None
    hand: Hand
    finish: Finish


def generated_pictures(params: GeneratedSource, root: Path) -> Iterator[Picture]:
    """Every painter's pictures in turn. `root` is not used: nothing is read."""
    painters = _painters(params.painters, params.seed)
    counts = _counts(params, painters)
    for p, (painter, count) in enumerate(zip(painters, counts, strict=True), start=1):
        stem = painter.name.replace(" ", "_")
        for index in range(1, count + 1):
            # Counted from 1, since a seed sequence takes [s, p] and [s, p, 0] for the same.
            rng = np.random.default_rng([params.seed, p, index])
            yield Picture(
                data=_jpeg(_paint(rng, painter, params.size)),
                path=f"{stem}/{stem}_{index}.jpg",
                labels=painter.genres,
                artist=painter.name,
            )


# ---------------------------------------------------------------- painters


def _painters(n: int, seed: int) -> list[Painter]:
    order = np.random.default_rng([seed]).permutation(len(NAMES))
    return [_painter(i, _name(i, order), seed) for i in range(n)]


def _name(i: int, order: Floats) -> str:
    """A name from the list, numbered from the second time it is used."""
    again, place = divmod(i, len(NAMES))
    return NAMES[order[place]] + (f" {again + 1}" if again else "")


def _painter(i: int, name: str, seed: int) -> Painter:
    rng = np.random.default_rng([seed, i + 1])
    names = list(GENRES)
    odds = SHARES / SHARES.sum()
    # The first painters take the genres in turn, so that each genre has some.
    first = names[i % len(names)] if i < 3 * len(names) else str(rng.choice(names, p=odds))
    second, influence = (str(name) for name in rng.choice(names, 2, p=odds))
    two = rng.random() < TWO_GENRES and second != first
    influenced = rng.random() < INFLUENCED and influence not in (first, second)
    return Painter(
        name=name,
        genres=(first, second) if two else (first,),
        influence=influence if influenced else None,
        hand=_hand(rng),
        finish=Finish(*(rng.random(5) ** 2).tolist()),
    )


def _hand(rng: Generator) -> Hand:
    main, other = rng.permutation(list(MOTIFS))[:2]
    scale, density, disorder, elongation, form = rng.random(5).tolist()
    return Hand(
        palette=_palette(rng),
        motifs=(str(main), str(other)),
        scale=scale,
        density=density,
        disorder=disorder,
        elongation=elongation,
        form=form,
        angle=float(rng.uniform(-np.pi / 2, np.pi / 2)),
    )


def _palette(rng: Generator) -> Array:
    """Six colours (6, 3), dark to light: two or three hues at one strength."""
    lightness = np.linspace(rng.uniform(0.18, 0.36), rng.uniform(0.85, 0.97), 6)
    lightness[1:5] += rng.normal(0, 0.04, 4)
    strength = rng.uniform(0.06, 0.2) * rng.uniform(0.6, 1.2, 6) * [0.6, 1, 1, 1, 1, 0.35]
    spread = rng.choice([1.0, 1.6, 2.1, np.pi])
    hues = rng.uniform(0, 2 * np.pi) + spread * rng.permutation([0, 0, 0, 1, 1, -1])
    return _rgb(lightness, strength, hues + rng.normal(0, 0.2, 6))


def _rgb(lightness: Floats, chroma: Floats, hue: Floats) -> Array:
    """Oklch to sRGB, (N, 3) in 0..1."""
    a, b = chroma * cosine(hue), chroma * sine(hue)
    root = np.stack([
        lightness + 0.3963377774 * a + 0.2158037573 * b,
        lightness - 0.1055613458 * a - 0.0638541728 * b,
        lightness - 0.0894841775 * a - 1.2914855480 * b,
    ])  # fmt: skip
    lms = root * root * root
    to_linear = np.array([
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ])  # fmt: skip
    # A sum and not `@`, whose rounding depends on the linear algebra library.
    linear = np.clip((to_linear[:, :, None] * lms).sum(axis=1).T, 0, 1)
    # sRGB's curve to within 0.0001. Brushwork says why not by `**`.
    second = np.sqrt(linear)
    fourth = np.sqrt(second)
    roots = 0.64456 * second + 0.70995 * fourth - 0.33605 * np.sqrt(fourth) - 0.01849 * linear
    curved: Array = np.where(linear < 0.0031308, 12.92 * linear, roots).astype(np.float32)
    return curved


def _counts(params: GeneratedSource, painters: list[Painter]) -> list[int]:
    """Pictures of each painter: at least two, the others in unequal shares."""
    names = list(GENRES)
    first = [names.index(painter.genres[0]) for painter in painters]
    colleagues = np.bincount(first, minlength=len(names))
    luck = np.random.default_rng([params.seed]).lognormal(0, 0.6, len(painters))
    share = SHARES[first] / colleagues[first] * luck
    # Rounding the running total keeps the sum exact, and hides the last digits of exp in `luck`.
    total = np.cumsum(share) / share.sum() * (params.pictures - 2 * len(painters))
    return [2 + int(n) for n in np.diff(np.round(total), prepend=0)]


# ---------------------------------------------------------------- pictures


def _paint(rng: Generator, painter: Painter, size: int) -> Array:
    """One picture, (size, size, 3) float32, values may leave 0..1."""
    hand = _on_the_day(rng, painter.hand)
    motif = MOTIFS[hand.motifs[int(rng.random() < 0.35)]](rng, hand.palette, size)
    genre = str(rng.choice(list(GENRES) if rng.random() < EXPERIMENTS else painter.genres))
    if painter.influence is not None and rng.random() < INFLUENCE:
        borrowed = GENRES[painter.influence](rng, hand, motif)
        picture = GENRES[genre](rng, hand, borrowed)
        picture = blend(picture, borrowed, rng.uniform(0, 0.5))
    else:
        picture = GENRES[genre](rng, hand, motif)
    return _finished(rng, painter.finish, picture)


def _on_the_day(rng: Generator, hand: Hand) -> Hand:
    """The painter's hand as it is for one picture."""

    def near(value: float) -> float:
        return float(np.clip(value + rng.normal(0, 0.15), 0, 0.999))

    light = rng.normal(1, 0.08) * (1 + rng.normal(0, 0.05, (1, 3)))
    return replace(
        hand,
        palette=np.clip(hand.palette * light, 0, 1).astype(np.float32),
        scale=near(hand.scale),
        density=near(hand.density),
        disorder=near(hand.disorder),
        elongation=near(hand.elongation),
        form=near(hand.form) if rng.random() < 0.65 else float(rng.random()),
        angle=hand.angle + float(rng.normal(0, 0.15)),
    )


def _finished(rng: Generator, finish: Finish, picture: Array) -> Array:
    """The picture as paint on canvas, lit from the top left, aged."""
    size = len(picture)
    x, y = coordinates(size)
    height = grey(picture) + 0.15 * noise(rng, size, max(2, size // 4))
    height = height + 0.12 * finish.weave * (sine(x * 400) + sine(y * 400))
    slope = height - np.roll(height, (1, 1), axis=(0, 1))
    slope[0], slope[:, 0] = 0, 0
    picture = picture + ((0.1 + 0.4 * finish.relief) * slope)[..., None]
    if finish.cracks > 0.4:
        lines = abs(noise(rng, size, 24, 2) - 0.5) < 0.012 * finish.cracks
        picture = blend(picture, np.float32(0.25) * picture, 0.6 * lines[..., None])
    picture = blend(picture, picture.mean(axis=(0, 1)), 0.2 * finish.fading)
    yellowed = np.array([0.95, 0.85, 0.6], np.float32)
    picture = blend(picture, picture * yellowed, 0.5 * finish.varnish)
    edge = ((x - 0.5) ** 2 + (y - 0.5) ** 2)[..., None]
    shade = 1.03 - 0.25 * rng.random() * edge
    return blend(np.zeros_like(picture), picture, shade)


def _jpeg(picture: Array) -> bytes:
    file = io.BytesIO()
    pixels = (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)
    Image.fromarray(pixels).save(file, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return file.getvalue()

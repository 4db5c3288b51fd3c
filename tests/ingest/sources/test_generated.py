"""The generated source: counts, determinism, labels, imbalance."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import replace
from itertools import cycle, product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.ingest.sources.generated.brushwork import Canvas, Hand, noise
from pipeline.ingest.sources.generated.genres import GENRES
from pipeline.ingest.sources.generated.motifs import MOTIFS
from pipeline.ingest.sources.generated.painter import (
    NAMES,
    Finish,
    _finished,
    _painters,
    generated_pictures,
)
from pipeline.ingest.sources.params import GeneratedSource
from pipeline.ingest.sources.picture import Picture

ROOT = Path("unused")


def source(pictures: int, size: int = 32, painters: int = 24, seed: int = 0) -> GeneratedSource:
    return GeneratedSource(
        kind="generated", pictures=pictures, size=size, painters=painters, seed=seed
    )


def paint(pictures: int = 60, size: int = 32, painters: int = 24, seed: int = 0) -> list[Picture]:
    return list(generated_pictures(source(pictures, size, painters, seed), ROOT))


def digest(pictures: list[Picture]) -> str:
    sha = hashlib.sha256()
    for picture in pictures:
        sha.update(repr((picture.path, picture.labels, picture.artist)).encode())
        sha.update(picture.data)
    return sha.hexdigest()


@pytest.fixture(scope="module")
def many() -> list[Picture]:
    """Enough pictures for the shares to show."""
    return paint(pictures=480, painters=36)


@pytest.mark.slow(reason="paints many pictures")
@pytest.mark.parametrize(
    ("pictures", "painters", "size"),
    [(16, 8, 32), (17, 8, 33), (60, 24, 64), (200, 100, 32), (16, 8, 160)],
)
def test_edges(pictures: int, painters: int, size: int) -> None:
    made = paint(pictures, size, painters, seed=5)
    assert len(made) == pictures
    assert len({picture.path for picture in made}) == pictures
    each = Counter(picture.artist for picture in made)
    assert len(each) == painters
    assert min(each.values()) >= 2
    assert {label for picture in made for label in picture.labels} == set(GENRES)


@pytest.mark.parametrize("size", [32, 100])
def test_pictures_are_square_rgb_jpegs(size: int) -> None:
    for picture in paint(pictures=16, size=size, painters=8):
        with Image.open(io.BytesIO(picture.data)) as image:
            assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (size, size))
            assert np.asarray(image).std() > 1  # something is painted


@pytest.mark.slow(reason="paints many pictures")
def test_fields(many: list[Picture]) -> None:
    seen: Counter[str | None] = Counter()
    for picture in many:
        seen[picture.artist] += 1
        assert picture.artist is not None
        assert picture.split is None
        stem = picture.artist.replace(" ", "_")
        assert picture.path == f"{stem}/{stem}_{seen[picture.artist]}.jpg"


def test_same_parameters_same_bytes() -> None:
    assert paint() == paint()


def elsewhere(expression: str, **environment: str) -> str:
    """The value of an expression in this module's names, in another process."""
    code = f"import runpy, sys; print(eval({expression!r}, runpy.run_path(sys.argv[1])))"
    run = subprocess.run(
        [sys.executable, "-c", code, __file__],
        env=os.environ | environment | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout.strip()


@pytest.mark.slow(reason="starts processes")
@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_another_process_gives_the_same_bytes(hash_seed: str) -> None:
    assert elsewhere("digest(paint())", PYTHONHASHSEED=hash_seed) == digest(paint())


def instructions() -> list[str]:
    """The optional instruction sets that NumPy uses, the oldest first."""
    found: list[str] = np.show_config("dicts")["SIMD Extensions"].get("found", [])
    return found


def exact_digest() -> str:
    """Of pictures, and of every genre and motif before the rounding that hides digits."""
    sha = hashlib.sha256(digest(paint()).encode())
    hand = _painters(1, 0)[0].hand
    finish = Finish(relief=1, weave=1, varnish=1, cracks=1, fading=1)
    forms = product(GENRES.values(), (0.1, 0.4, 0.6, 0.9))
    for motif, (genre, form) in zip(cycle(MOTIFS.values()), forms, strict=False):
        rng = np.random.default_rng(0)
        picture = genre(rng, replace(hand, form=form), motif(rng, hand.palette, 48))
        sha.update(_finished(rng, finish, picture).tobytes())
    return sha.hexdigest()


@pytest.mark.slow(reason="starts processes")
@pytest.mark.skipif(not instructions(), reason="NumPy uses no optional instruction sets")
def test_other_instruction_sets_give_the_same_bytes() -> None:
    here, expected = instructions(), exact_digest()
    for kept in (0, 1):
        off = " ".join(here[kept:])
        there = elsewhere("instructions(), exact_digest()", NPY_DISABLE_CPU_FEATURES=off)
        assert there == repr((here[:kept], expected))


def test_a_picture_does_not_depend_on_the_others() -> None:
    few = {picture.path: picture for picture in paint(pictures=60)}
    more = {picture.path: picture for picture in paint(pictures=90)}
    shared = few.keys() & more.keys()
    assert len(shared) >= 48
    assert all(few[path] == more[path] for path in shared)


@pytest.mark.slow(reason="paints many pictures")
def test_pictures_do_not_repeat(many: list[Picture]) -> None:
    assert len({picture.data for picture in many}) == len(many)


def test_seeds_differ() -> None:
    one, other = paint(seed=0), paint(seed=1)
    assert not {picture.data for picture in one} & {picture.data for picture in other}
    assert [picture.artist for picture in one] != [picture.artist for picture in other]


@pytest.mark.slow(reason="paints many pictures")
def test_a_painter_has_one_or_two_labels_on_every_picture(many: list[Picture]) -> None:
    labels = defaultdict(set)
    for picture in many:
        labels[picture.artist].add(picture.labels)
    assert all(len(found) == 1 for found in labels.values())
    lengths = Counter(len(next(iter(found))) for found in labels.values())
    assert set(lengths) == {1, 2}
    assert all(len(set(p.labels)) == len(p.labels) for p in many)


@pytest.mark.parametrize("seed", range(3))
def test_each_genre_has_three_painters(seed: int) -> None:
    painters: dict[str, set[str | None]] = defaultdict(set)
    for picture in paint(pictures=48, painters=24, seed=seed):
        for label in picture.labels:
            painters[label].add(picture.artist)
    assert set(painters) == set(GENRES)
    assert min(len(found) for found in painters.values()) >= 3


@pytest.mark.slow(reason="paints many pictures")
def test_imbalance(many: list[Picture]) -> None:
    genres = Counter(label for picture in many for label in picture.labels)
    assert 3 < max(genres.values()) / min(genres.values()) < 8
    painters = Counter(picture.artist for picture in many)
    assert max(painters.values()) > 4 * min(painters.values())


def test_names() -> None:
    assert len(NAMES) == len(set(NAMES)) >= 64
    assert any(not name.isascii() for name in NAMES)
    artists = {picture.artist for picture in paint(pictures=160, painters=80)}
    assert len(artists) == 80
    assert any(str(artist).endswith(" 2") for artist in artists)


def test_is_lazy() -> None:
    first = next(generated_pictures(source(pictures=10**6, painters=8), ROOT))
    assert first == paint(pictures=16, painters=8)[0]


@pytest.mark.parametrize("genre", GENRES)
@pytest.mark.parametrize("extreme", [0.0, 0.999])
def test_every_genre_paints_at_the_limits_of_a_hand(genre: str, extreme: float) -> None:
    palette = np.random.default_rng(0).random((6, 3), dtype=np.float32)
    hand = Hand(palette, ("sea", "head"), extreme, extreme, extreme, extreme, extreme, 1.0)
    motif = np.full((40, 40, 3), 0.5, np.float32)
    picture = GENRES[genre](np.random.default_rng(1), hand, motif)
    assert picture.shape == (40, 40, 3)
    assert picture.dtype == np.float32
    assert np.isfinite(picture).all()


@pytest.mark.parametrize("motif", MOTIFS)
def test_every_motif(motif: str) -> None:
    palette = np.random.default_rng(0).random((6, 3), dtype=np.float32)
    picture = MOTIFS[motif](np.random.default_rng(1), palette, 40)
    assert picture.shape == (40, 40, 3)
    assert picture.dtype == np.float32
    assert picture.min() >= 0
    assert picture.max() <= 1


def test_canvas() -> None:
    canvas = Canvas(np.zeros((8, 8, 3), np.float32))
    canvas.polygon(np.array([[0, 0], [0.5, 0], [0.5, 1], [0, 1]]), np.array([1.0, 0.5, 2.0]))
    picture = canvas.pixels()
    np.testing.assert_allclose(picture[4, 1], [1, 128 / 255, 1])
    np.testing.assert_array_equal(picture[4, 6], 0)


def test_noise() -> None:
    field = noise(np.random.default_rng(0), 50, 4, 2)
    assert field.shape == (50, 50)
    assert field.dtype == np.float32
    assert 0.3 < field.mean() < 0.7
    assert field.std() > 0.05

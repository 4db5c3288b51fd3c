import io

import imagehash
import numpy as np
import pytest
from PIL import Image, ImageEnhance

from pipeline.compute.pictures import examine
from pipeline.ingest import hashing
from pipeline.ingest.hashing import ENOUGH, pairs_within, perceptual_hash


def brute_force(codes, distance):
    differing = np.bitwise_count(codes[:, None] ^ codes[None])
    first, second = np.nonzero(differing <= distance)
    return np.column_stack([first, second])[first < second]


def clustered(n, seed):
    """Codes of which many are copies of others with up to 13 bits changed."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 2**64, n, dtype=np.uint64)
    for _ in range(n):
        source, target = rng.integers(0, n, 2)
        changed = rng.choice(64, rng.integers(0, 14), replace=False)
        codes[target] = codes[source] ^ np.bitwise_or.reduce(
            np.uint64(1) << changed.astype(np.uint64), initial=np.uint64(0)
        )
    return codes


@pytest.mark.parametrize("distance", range(13))
@pytest.mark.parametrize("n", [0, 1, 2, 3, 700])
def test_the_search_is_exact(n, distance):
    codes = clustered(n, seed=n)
    found, complete = pairs_within(codes, distance, most=n * n)
    assert complete
    assert found.tolist() == brute_force(codes, distance).tolist()


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_it_is_exact_for_any_number_of_shared_bands(monkeypatch, k):
    monkeypatch.setattr(hashing, "_bands_shared", lambda n, distance: k)
    codes = clustered(300, seed=1)
    for distance in (0, 1, 4, 7):
        found, _ = pairs_within(codes, distance, most=10**6)
        assert found.tolist() == brute_force(codes, distance).tolist()


def test_more_shared_bands_for_more_codes():
    shared = [hashing._bands_shared(10**power, 6) for power in range(2, 8)]
    assert shared == sorted(shared)
    assert shared[-1] > shared[0]


def test_equal_codes_are_found_until_there_are_too_many():
    codes = np.zeros(100, np.uint64)
    assert len(pairs_within(codes, 4, most=4950)[0]) == 4950
    found, complete = pairs_within(codes, 4, most=500)
    assert not complete
    assert 500 < len(found) < 700


def photo(number):
    """A picture of 96 x 72 with something at every scale."""
    rng = np.random.default_rng(number)
    layers = [
        weight * np.asarray(
            Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8)).resize((96, 72)),
            np.float64,
        )
        for side, weight in ((4, 0.6), (12, 0.3), (48, 0.1))
    ]  # fmt: skip
    return Image.fromarray(np.sum(layers, axis=0).astype(np.uint8))


def again(image, quality):
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


CHANGES = {
    "encoded again": lambda image: again(image, 60),
    "half the size": lambda image: image.resize((48, 36)),
    "other proportions": lambda image: image.resize((96, 96)),
    "grey": lambda image: image.convert("L").convert("RGB"),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.15),
    "cropped by a pixel": lambda image: image.crop((1, 1, 95, 71)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_copies_are_near(change):
    distances = [
        (perceptual_hash(photo(i)) ^ perceptual_hash(CHANGES[change](photo(i)))).bit_count()
        for i in range(40)
    ]
    assert np.mean(np.array(distances) <= 4) >= 0.9
    assert max(distances) <= 8


def test_a_reduced_jpeg_is_known_by_the_same_bits():
    """The library's hash of the whole picture, against ours of what is decoded for it."""
    for number in range(40):
        large = photo(number).resize((480, 360), Image.Resampling.BICUBIC)
        whole = int(str(imagehash.phash(large)), 16)
        file = io.BytesIO()
        large.save(file, "JPEG", quality=95)
        grey = examine(file.getvalue(), at_least=ENOUGH).grey
        assert grey.size == (120, 90)
        assert (perceptual_hash(grey) ^ whole).bit_count() <= 2


def test_others_are_far():
    codes = np.array([perceptual_hash(photo(i)) for i in range(300)], dtype=np.uint64)
    assert len(pairs_within(codes, 10, most=10**6)[0]) == 0


@pytest.mark.parametrize("colour", ["black", "white", "teal"])
def test_flat_pictures_have_no_hash(colour):
    flat = Image.new("RGB", (60, 40), colour)
    assert perceptual_hash(flat) is None
    assert perceptual_hash(again(flat, 30)) is None

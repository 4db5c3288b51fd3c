"""Pictures as a backbone sees them, against torchvision's and timm's own transforms."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from timm.data import create_transform
from torchvision.transforms import v2

from pipeline.backbones.backbone import Recipe
from pipeline.compute.pictures import PictureError, decode_rgb, is_plain_jpeg
from pipeline.features.preparation import Preparation, _decode

RECIPE = Recipe(
    name="any", weights="random", trained_on="nothing", input_size=96, crop_pct=0.875,
    interpolation="bicubic", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5), digest="0",
)  # fmt: skip
SIZES = [(96, 96), (640, 480), (200, 901), (60, 80), (333, 111)]


@pytest.fixture(scope="module")
def photo(encode):
    """Size and format -> an encoded picture with large shapes and some noise."""

    def make(size, form="JPEG", mode="RGB", **options):
        rng = np.random.default_rng(0)
        coarse = rng.integers(0, 256, (9, 9, 3), dtype=np.uint8)
        image = Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)
        noisy = np.asarray(image, float) + rng.normal(0, 4, (size[1], size[0], 3))
        image = Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
        return encode(image.convert(mode), form, **options)

    return make


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", SIZES)
def test_squash_is_torchvisions_resize(photo, size, interpolation):
    data = photo(size)
    recipe = replace(RECIPE, interpolation=interpolation)
    resize = v2.Resize((96, 96), interpolation=v2.InterpolationMode(interpolation))
    found = Preparation(recipe, "squash", scaled=False).array(data)
    np.testing.assert_array_equal(found, np.asarray(resize(decode_rgb(data))))


@pytest.mark.parametrize("crop_pct", [0.875, 0.95, 1.0])
@pytest.mark.parametrize("size", SIZES)
def test_crop_is_timms_own_evaluation(photo, size, crop_pct):
    data = photo(size)
    recipe = replace(RECIPE, crop_pct=crop_pct)
    transform = create_transform(96, interpolation="bicubic", crop_pct=crop_pct, normalize=False)
    found = Preparation(recipe, "crop", scaled=False).array(data)
    expected = transform(decode_rgb(data)).permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("resize", ["squash", "crop"])
def test_scaled_decoding_is_close_and_leaves_small_pictures_alone(photo, resize):
    whole, scaled = (Preparation(RECIPE, resize, scaled=s) for s in (False, True))
    small, large = photo((300, 180)), photo((1600, 1200))
    np.testing.assert_array_equal(scaled.array(small), whole.array(small))
    difference = scaled.array(large).astype(float) - whole.array(large)
    assert np.abs(difference).max() > 0
    assert np.abs(difference).mean() < 1


@pytest.mark.parametrize("resize", ["squash", "crop"])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_decoding_on_a_device_is_that_of_pillow_but_for_rounding(photo, resize, interpolation):
    """The code for a GPU, on the CPU: another JPEG decoder's calls and torch's resizing."""
    preparation = Preparation(replace(RECIPE, interpolation=interpolation), resize, scaled=False)
    pictures = [
        *(photo(size) for size in SIZES),
        photo((90, 70), mode="L"),
        photo((300, 200), exif=rotated()),
        photo((50, 120), mode="CMYK"),
        photo((120, 50), "PNG"),
    ]
    found = preparation.batch_on(torch.device("cpu"), pictures)
    assert (found.shape, found.dtype) == ((len(pictures), 96, 96, 3), torch.uint8)
    for picture, array in zip(pictures, found.numpy(), strict=True):
        difference = np.abs(array.astype(float) - preparation.array(picture))
        assert difference.mean() < 0.5
        assert difference.max() <= 6
    with pytest.raises(PictureError, match="not an image"):
        preparation.batch_on(torch.device("cpu"), [b"text"])


def test_a_jpeg_that_the_device_decoder_refuses_is_pillows(photo):
    """Its neighbours come out as they would without it."""
    whole, cut, unusual = photo((300, 180)), photo((200, 300)), photo((90, 70), progressive=True)
    damaged = cut[: len(cut) // 2]
    assert is_plain_jpeg(damaged)
    cpu = torch.device("cpu")
    first, none, last = _decode([whole, damaged, unusual], cpu)
    assert none is None
    for found, alone in zip((first, last), _decode([whole, unusual], cpu), strict=True):
        assert torch.equal(found, alone)
    with pytest.raises(PictureError, match="truncated"):
        Preparation(RECIPE, "squash", scaled=False).batch_on(cpu, [whole, damaged, unusual])


def rotated():
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees
    return exif


def test_a_plain_colour_stays_it(encode):
    array = Preparation(RECIPE, "squash", scaled=True).array(
        encode(Image.new("RGB", (30, 50), (10, 20, 30)))
    )
    assert (array.shape, array.dtype) == ((96, 96, 3), np.uint8)
    assert (array == [10, 20, 30]).all()

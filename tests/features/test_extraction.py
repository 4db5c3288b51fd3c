"""From encoded pictures to vectors: the same as a plain loop's, in order, whatever runs beside."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from timm.data import create_transform

from pipeline.backbones.weights import PACKAGED, make_backbone
from pipeline.compute.pictures import PictureError, decode_rgb
from pipeline.features.extraction import Execution, Extractor
from pipeline.features.provenance import REVISION

pytestmark = pytest.mark.usefixtures("one_thread")

BACKBONES = {"tf_efficientnet_lite0": "packaged", "resnet18": "random", "resnet50": "random"}


def backbone(name, weights):
    return make_backbone(name, weights, pretrained_dir=Path("none"), seed=0)


@pytest.fixture(scope="module")
def backbones():
    return {name: backbone(name, weights) for name, weights in BACKBONES.items()}


@pytest.fixture(scope="module")
def small(backbones):
    """Execution arguments -> an extractor of the packaged backbone's pooled features."""

    def make(**execution):
        return Extractor(
            backbones[PACKAGED], layers="last", pool="head", execution=Execution(**execution)
        )

    return make


@pytest.fixture(scope="module")
def pictures(encode):
    """Five encoded pictures: large, small, tall, grey, transparent."""
    rng = np.random.default_rng(0)

    def paint(mode, size):
        depth = len(Image.new(mode, (1, 1)).getbands())
        coarse = rng.integers(0, 256, (9, 9, depth), dtype=np.uint8).squeeze()
        return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)

    return [
        encode(paint("RGB", (640, 480)), "JPEG", quality=95),
        encode(paint("RGB", (60, 80))),
        encode(paint("RGB", (200, 900))),
        encode(paint("L", (300, 300))),
        encode(paint("RGBA", (224, 224))),
    ]


def vectors(extractor, pictures):
    """(N, D) float16."""
    return np.concatenate(list(extractor.vectors(pictures)))


def reference(backbone, data, pool, resize):
    """One picture through timm's own preprocessing and the trunk, in float32."""
    recipe = backbone.recipe
    prepare = create_transform(
        recipe.input_size, interpolation=recipe.interpolation, mean=recipe.mean, std=recipe.std,
        crop_pct=1.0 if resize == "squash" else recipe.crop_pct,
        crop_mode="squash" if resize == "squash" else "center",
    )  # fmt: skip
    with torch.inference_mode():
        maps = backbone.trunk.forward_features(prepare(decode_rgb(data))[None])
        return (maps.flatten(1) if pool == "spatial" else maps.mean((2, 3)))[0].numpy()


@pytest.mark.slow(reason="large networks")
@pytest.mark.parametrize(("pool", "resize"), [("spatial", "squash"), ("head", "crop")])
@pytest.mark.parametrize("name", BACKBONES)
def test_vectors_are_those_of_timms_preprocessing(backbones, pictures, name, pool, resize):
    extractor = Extractor(
        backbones[name], layers="last", pool=pool, resize=resize, precision="float32"
    )
    found = vectors(extractor, pictures)
    assert found.dtype == np.float16
    for vector, data in zip(found, pictures, strict=True):
        expected = reference(backbones[name], data, pool, resize)
        assert vector.shape == (extractor.widths["last"],) == expected.shape
        scale = np.abs(expected).max()
        np.testing.assert_allclose(vector, expected, rtol=2e-3, atol=1e-3 * scale)


@pytest.mark.slow(reason="extracts several times")
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_change_no_bit_and_keep_the_order(small, picture, threads):
    """Large and small pictures in turn, so that threads finish out of order."""
    data = [picture(i, size=(1500, 1500) if i % 3 == 0 else (9, 9)) for i in range(13)]
    alone = vectors(small(batch_size=2, threads=1), data)
    assert vectors(small(batch_size=2, threads=threads), data).tobytes() == alone.tobytes()
    assert len({row.tobytes() for row in alone}) == len(data)


@pytest.mark.slow(reason="extracts several times")
@pytest.mark.parametrize("start", [0, 1, 3])
def test_a_vector_does_not_depend_on_its_batch(small, pictures, start):
    whole = vectors(small(batch_size=4), pictures)
    part = vectors(small(batch_size=4), pictures[start:])
    assert part.tobytes() == whole[start:].tobytes()


@pytest.mark.slow(reason="extracts several times")
@pytest.mark.parametrize("batch_size", [1, 2, 64])
def test_the_batch_size_changes_rounding_alone(small, pictures, batch_size):
    expected = vectors(small(batch_size=4), pictures).astype(float)
    found = vectors(small(batch_size=batch_size), pictures).astype(float)
    np.testing.assert_allclose(found, expected, rtol=2e-2, atol=2e-2)


def test_memory_holds_a_few_batches(small, pictures):
    """Of endless pictures no more is taken than a few batches before what was asked for."""
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield pictures[1]

    running = small(batch_size=2, threads=2).vectors(endless())
    for _ in range(5):
        next(running)
    running.close()
    assert taken <= 2 * (5 + 2 + 2)


def test_no_pictures(small):
    assert list(small().vectors([])) == []


def test_a_picture_that_cannot_be_decoded(small, pictures):
    with pytest.raises(PictureError, match="not an image"):
        list(small().vectors([pictures[0], b"text"]))


def test_values_beyond_float16_are_clipped(refused):
    network = backbone("resnet18", "random")
    white = torch.full((1, 224, 224, 3), 255, dtype=torch.uint8)

    def forward():
        return Extractor(network, layers="last", pool="head").forward(white)

    network.trunk.layer4[1].bn2.weight.fill_(1e9)
    found = forward()
    assert found.max() == np.finfo(np.float16).max
    assert np.isfinite(found).all()
    network.trunk.layer4[1].bn2.weight.fill_(np.nan)
    with refused("resnet18 (random)", "not finite", "features.weights"):
        forward()


def test_provenance_names_what_decides_the_vectors(backbones):
    recipe = backbones["resnet18"].recipe
    extractor = Extractor(
        backbones["resnet18"], layers="last", pool="head", resize="crop", scaled_decoding=True,
        precision="float32", execution=Execution(batch_size=3, threads=1),
    )  # fmt: skip
    assert extractor.provenance == {
        "revision": REVISION, "name": "resnet18", "digest": recipe.digest,
        "input_size": recipe.input_size, "crop_pct": recipe.crop_pct,
        "interpolation": recipe.interpolation, "mean": recipe.mean, "std": recipe.std,
        "layers": "last", "pool": "head", "widths": [["last", 512]], "resize": "crop",
        "scaled_decoding": True, "decoder": "cpu", "precision": "float32",
    }  # fmt: skip
    assert extractor.mode == "cpu in float32"


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_no_cuda(small, refused):
    with refused("device is cuda,", "0 CUDA devices"):
        small(device="cuda")
    with refused("features.decoder is cuda", "device is cpu"):
        small(decoder="cuda")

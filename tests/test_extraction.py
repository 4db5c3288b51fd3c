from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from pipeline.backbones import PACKAGED, make_backbone
from pipeline.extraction import Extractor, choose_device
from pipeline.images import PictureError, decode_rgb
from pipeline.stages.features import extract
from pipeline.tables import Shards, from_vectors, images_schema, vectors_schema, write_shards

pytestmark = pytest.mark.usefixtures("one_thread")


def backbone(name, weights):
    return make_backbone(name, weights, pretrained_dir=Path("none"), seed=0)


BACKBONES = {"tf_efficientnet_lite0": "packaged", "resnet18": "random", "resnet50": "random"}


@pytest.fixture(scope="module")
def backbones():
    return {name: backbone(name, weights) for name, weights in BACKBONES.items()}


@pytest.fixture(scope="module")
def small(backbones):
    """Extractor arguments -> an extractor of the packaged backbone."""

    def make(layer="pooled", batch_size=4, device="cpu"):
        return Extractor(backbones[PACKAGED], layer=layer, device=device, batch_size=batch_size)

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


def reference(backbone, data, layer):
    """One picture through torchvision's transforms and the trunk, in float32."""
    recipe = backbone.recipe
    prepare = v2.Compose(
        [
            v2.Resize(
                (recipe.input_size, recipe.input_size),
                interpolation=v2.InterpolationMode(recipe.interpolation),
            ),
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(recipe.mean, recipe.std),
        ]
    )
    with torch.inference_mode():
        maps = backbone.trunk.forward_features(prepare(decode_rgb(data))[None])
        return (maps.flatten(1) if layer == "spatial" else maps.mean((2, 3)))[0].numpy()


@pytest.mark.parametrize("layer", ["spatial", "pooled"])
@pytest.mark.parametrize("name", BACKBONES)
def test_vectors_are_those_of_a_plain_loop(backbones, pictures, name, layer):
    extractor = Extractor(backbones[name], layer=layer, device="cpu", batch_size=3)
    found = list(extractor.vectors(pictures))
    assert len(found) == len(pictures)
    for vector, data in zip(found, pictures, strict=True):
        expected = reference(backbones[name], data, layer)
        assert vector.dtype == np.float16
        assert vector.shape == (extractor.dimension,) == expected.shape
        scale = np.abs(expected).max()
        np.testing.assert_allclose(vector, expected, rtol=2e-3, atol=1e-3 * scale)


@pytest.mark.parametrize("batch_size", [1, 2, 5, 64])
def test_the_batch_size_changes_nothing(small, pictures, batch_size):
    expected = np.stack(list(small(batch_size=4).vectors(pictures))).astype(float)
    found = np.stack(list(small(batch_size=batch_size).vectors(pictures))).astype(float)
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3)


def test_the_order_is_kept(small, picture):
    """Large and small pictures in turn, so that threads finish out of order."""
    data = [picture(i, size=(1500, 1500) if i % 3 == 0 else (9, 9)) for i in range(12)]
    found = np.stack(list(small().vectors(data))).astype(float)
    alone = np.stack([next(small(batch_size=1).vectors([item])) for item in data]).astype(float)
    np.testing.assert_allclose(found, alone, rtol=2e-3, atol=2e-3)
    distances = np.abs(found[:, None] - alone).max(2)
    assert (distances.argmin(1) == np.arange(12)).all()


def test_no_pictures(small):
    assert list(small().vectors([])) == []


def test_a_picture_that_cannot_be_decoded(small, pictures):
    with pytest.raises(PictureError, match="not an image"):
        list(small().vectors([pictures[0], b"text"]))


def test_pixels_at_the_input_size(small, encode):
    array = small().prepare(encode(Image.new("RGB", (30, 50), (10, 20, 30))))
    assert (array.shape, array.dtype) == ((224, 224, 3), np.uint8)
    assert (array == [10, 20, 30]).all()


def test_values_beyond_float16_are_clipped(refused):
    network = backbone("resnet18", "random")
    extractor = Extractor(network, layer="pooled", device="cpu", batch_size=1)
    white = np.full((1, 224, 224, 3), 255, np.uint8)
    network.trunk.layer4[1].bn2.weight.fill_(1e9)
    found = extractor.forward(white)
    assert found.max() == np.finfo(np.float16).max
    assert np.isfinite(found).all()
    network.trunk.layer4[1].bn2.weight.fill_(np.nan)
    with refused("resnet18", "not finite", "features.weights (random)"):
        extractor.forward(white)


def test_devices(refused):
    assert choose_device("cpu").type == "cpu"
    available = torch.cuda.is_available()
    assert choose_device("auto").type == ("cuda" if available else "cpu")
    missing = f"cuda:{torch.cuda.device_count()}"
    with refused(f"features.device is {missing}", "use auto or cpu"):
        choose_device(missing)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_no_cuda(small, refused):
    with refused("features.device is cuda,", "0 CUDA devices"):
        small(device="cuda")


def test_the_rows_of_the_stage(small, pictures, tmp_path):
    rows = [
        {
            "image_id": f"id {i}",
            "image": {"bytes": data, "path": f"{i}"},
            "labels": ["a", "b"][: 1 + i % 2],
            "artist": None,
            "split": ["train", "test"][i % 2],
            "width": 1,
            "height": 1,
        }
        for i, data in enumerate(pictures)
    ]
    schema = images_schema(classes=["a", "b"])
    write_shards(tmp_path / "images", schema, [pa.RecordBatch.from_pylist(rows, schema)])
    extractor = small()
    schema = vectors_schema("features", np.float16, extractor.dimension)
    batches = extract(Shards(tmp_path / "images"), extractor, schema)
    write_shards(tmp_path / "features", schema, batches)
    table = Shards(tmp_path / "features").read(["image_id", "labels", "split", "features"])
    found = from_vectors(table["features"])
    assert found.tobytes() == np.stack(list(extractor.vectors(pictures))).tobytes()
    columns = ["image_id", "labels", "split"]
    assert table.select(columns).to_pylist() == [{c: row[c] for c in columns} for row in rows]

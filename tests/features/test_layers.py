"""What is read of a network's maps, against the maps that hooks see."""

from pathlib import Path

import pytest
import torch

from pipeline.backbones.weights import make_backbone
from pipeline.features.layers import Readout, block_names

pytestmark = pytest.mark.usefixtures("one_thread")


def backbone(name):
    return make_backbone(name, "random", pretrained_dir=Path("none"), seed=0)


@pytest.fixture(scope="module")
def lite():
    return backbone("tf_efficientnet_lite0")


@pytest.fixture(scope="module")
def transformer():
    return backbone("vit_tiny_patch16_224")


def hooked(made, images):
    """Name of each block -> its map; `last` what the trunk gives."""
    seen = {}
    for name in block_names(made.trunk):
        module = made.trunk.get_submodule(name)
        module.register_forward_hook(
            lambda _, __, out, name=name: seen.setdefault(name, out.clone())
        )
    with torch.inference_mode():
        seen["last"] = made.trunk.forward_features(images)
    return seen


def read(made, images, *given):
    readout = Readout(made, *given)
    with torch.inference_mode():
        found = readout(images)
    assert found.shape == (len(images), sum(readout.widths.values()))
    return readout.widths, found


@pytest.mark.slow(reason="seven networks")
@pytest.mark.parametrize(
    ("name", "blocks"),
    [
        ("tf_efficientnet_lite0", 7), ("resnet18", 5), ("convnext_atto", 4), ("regnetx_002", 5),
        ("swin_tiny_patch4_window7_224", 4), ("vit_tiny_patch16_224", 12), ("mixer_s32_224", 8),
    ],
)  # fmt: skip
def test_means_of_every_kind_of_network(name, blocks):
    made = backbone(name)
    side = made.recipe.input_size
    images = torch.rand(2, 3, side, side)
    widths, found = read(made, images, "auto", "mean")
    maps = hooked(backbone(name), images)
    end = maps.pop("last")
    assert len(maps) == blocks
    if end.shape != list(maps.values())[-1].shape:  # otherwise it is the last block
        maps["last"] = end
    assert list(widths) == list(maps)
    parts = []
    for key, one in maps.items():
        if one.ndim == 3:
            one = made.trunk.norm(one)[:, getattr(made.trunk, "num_prefix_tokens", 0) :]
            parts.append(one.mean(1))
        else:
            parts.append(one.mean((1, 2) if name.startswith("swin") else (2, 3)))
        assert widths[key] == parts[-1].shape[1]
    torch.testing.assert_close(found, torch.cat(parts, 1), rtol=1e-4, atol=1e-5)


def test_some_layers_in_the_order_given(lite):
    images = torch.rand(2, 3, 224, 224)
    all_widths, every = read(lite, images, "auto", "mean")
    assert list(all_widths.values()) == [16, 24, 40, 80, 112, 192, 320, 1280]
    widths, found = read(lite, images, [4, "blocks.2", -1, "last"], "mean")
    assert widths == {"blocks.4": 112, "blocks.2": 40, "blocks.6": 320, "last": 1280}
    torch.testing.assert_close(found[:, 112:152], every[:, 40:80])
    assert read(lite, images, ["blocks.4.0"], "mean")[0] == {"blocks.4.0": 112}


def test_mean_and_deviation(lite):
    images = torch.rand(2, 3, 224, 224)
    widths, found = read(lite, images, [3], "mean_std")
    maps = hooked(backbone("tf_efficientnet_lite0"), images)["blocks.3"].flatten(2)
    assert widths == {"blocks.3": 160}
    expected = torch.cat([maps.mean(2), maps.std(2, correction=0)], 1)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_spatial_is_the_last_map_flattened(lite, transformer):
    images = torch.rand(2, 3, 224, 224)
    with torch.inference_mode():
        maps = lite.trunk.forward_features(images)
        tokens = transformer.trunk.forward_features(images)
    widths, found = read(lite, images, "last", "spatial")
    assert widths == {"last": 62_720}
    assert torch.equal(found, maps.flatten(1))
    assert torch.equal(read(transformer, images, "last", "spatial")[1], tokens[:, 1:].flatten(1))


def test_the_class_token_beside_the_mean(transformer):
    images = torch.rand(2, 3, 224, 224)
    widths, found = read(transformer, images, [5, -1], "cls_mean")
    assert widths == {"blocks.5": 384, "blocks.11": 384}
    with torch.inference_mode():
        tokens = transformer.trunk.forward_features(images)
    expected = torch.cat([tokens[:, 0], tokens[:, 1:].mean(1)], 1)
    torch.testing.assert_close(found[:, 384:], expected, rtol=1e-4, atol=1e-5)


def test_another_size(lite, transformer, refused):
    images = torch.rand(1, 3, 160, 160)
    assert read(lite.at(160), images, [4], "mean")[0] == {"blocks.4": 112}
    larger = backbone("vit_tiny_patch16_224").at(256)
    assert larger.recipe.input_size == 256
    assert read(larger, torch.rand(1, 3, 256, 256), "last", "spatial")[0] == {"last": 192 * 256}
    with refused("features.size is 256", "mixer_s32_224", "none is its own, 224"):
        backbone("mixer_s32_224").at(256)


@pytest.mark.parametrize(
    ("layers", "pool", "said"),
    [
        (["stem"], "mean", ["blocks.0, blocks.1", "0 to 6", "'stem'"]),
        ([7], "mean", ["0 to 6", "has 7"]),
        ([4, "blocks.4"], "mean", ["blocks.4 twice"]),
        (["blocks.4"], "cls_mean", ["no class token", "features.pool: mean"]),
        (["global_pool"], "mean", ["features.layers: last"]),
    ],
)
def test_layers_that_are_not_there(lite, refused, layers, pool, said):
    with refused("features.", *said):
        Readout(lite, layers, pool)

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import pytest
import safetensors.torch
import torch
import torchvision
from timm.data.config import resolve_model_data_config

from pipeline.backbones.backbone import Backbone
from pipeline.backbones.weights import make_backbone

pytestmark = pytest.mark.usefixtures("one_thread")


def test_packaged_features(packaged, images):
    with torch.inference_mode():
        maps, pooled = packaged.trunk.forward_features(images), packaged.pooled(images)
    assert maps.shape == (2, 1280, 7, 7)
    assert maps.std() > 0.1
    torch.testing.assert_close(pooled, maps.mean((2, 3)))


def test_round_trip(packaged, images, tmp_path):
    path = tmp_path / "new" / "backbone.safetensors"
    packaged.save(path)
    loaded = Backbone.load(path)
    assert loaded.recipe == packaged.recipe
    found, expected = loaded.trunk.state_dict(), packaged.trunk.state_dict()
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    assert not any(p.requires_grad for p in loaded.trunk.parameters())
    with torch.inference_mode():
        assert torch.equal(loaded.pooled(images), packaged.pooled(images))
    assert sorted(p.name for p in path.parent.iterdir()) == [
        "backbone.json",
        "backbone.safetensors",
    ]
    assert json.loads(path.with_suffix(".json").read_text())["digest"] == packaged.recipe.digest
    again = tmp_path / "again.safetensors"
    packaged.save(again)
    assert again.read_bytes() == path.read_bytes()


def test_digest_is_of_names_and_values(resnet18):
    digest = hashlib.sha256()
    for key, tensor in sorted(resnet18.trunk.state_dict().items()):
        digest.update(f"{key} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.numpy().tobytes())
    assert resnet18.recipe.digest == digest.hexdigest()[:16]


@pytest.mark.parametrize("damage", ["missing", "no recipe", "half", "other keys", "not json"])
def test_damaged_files(resnet18, tmp_path, refused, damage):
    path = tmp_path / "backbone.safetensors"
    resnet18.save(path)
    if damage == "missing":
        path.unlink()
    elif damage == "no recipe":
        path.with_suffix(".json").unlink()
    elif damage == "half":
        path.write_bytes(path.read_bytes()[:1000])
    elif damage == "other keys":
        safetensors.torch.save_file({"x": torch.zeros(1)}, path)
    else:
        path.with_suffix(".json").write_text("")
    with refused(str(path.with_suffix("")), "dvc repro"):
        Backbone.load(path)


@pytest.mark.slow(reason="large networks")
def test_resnet50_is_that_of_torchvision(images, tmp_path):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        theirs = torchvision.models.resnet50().eval()
    torch.save(theirs.state_dict(), tmp_path / "tv.pth")
    ours = make_backbone("resnet50", "tv.pth", pretrained_dir=tmp_path, seed=1)
    names = [name for name in theirs.state_dict() if not name.startswith("fc.")]
    assert list(ours.trunk.state_dict()) == names
    with torch.inference_mode():
        x = images
        for name, module in theirs.named_children():
            if name == "avgpool":
                break
            x = module(x)
        expected = torch.flatten(theirs.avgpool(x), 1)
        maps, pooled = ours.trunk.forward_features(images), ours.pooled(images)
    assert pooled.shape == (2, 2_048)
    torch.testing.assert_close(maps, x)
    torch.testing.assert_close(pooled, expected)


@pytest.mark.parametrize("name", ["regnetx_002", "mobilenetv3_small_050", "tf_efficientnet_lite1"])
def test_pooled_is_what_timm_gives(name, images):
    backbone = make_backbone(name, "random", pretrained_dir=Path("none"), seed=0)
    with torch.inference_mode():
        pooled, expected = backbone.pooled(images), backbone.trunk(images)
    torch.testing.assert_close(pooled, expected)
    config = resolve_model_data_config(backbone.trunk)
    found = asdict(backbone.recipe)
    assert [found[key] for key in ("interpolation", "mean", "std")] == [
        config[key] for key in ("interpolation", "mean", "std")
    ]

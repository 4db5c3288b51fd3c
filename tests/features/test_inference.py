"""What makes a backbone fast leaves its features what they are."""

import copy
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import timm
import torch
from torch import nn

from pipeline.backbones.weights import PACKAGED, make_backbone
from pipeline.features import inference
from pipeline.features.inference import Torch, padded, workers
from pipeline.features.layers import Readout
from pipeline.features.network import Network, folded

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
NO_COMPILER = """
    from pathlib import Path
    import torch
    from pipeline.backbones.weights import make_backbone
    from pipeline.core.errors import UserError
    from pipeline.features import inference
    from pipeline.features.network import Network

    backbone = make_backbone("test_resnet", "random", pretrained_dir=Path("none"), seed=0)
    network = Network(backbone, "last", "head")
    run = inference.Torch(network, torch.device("cpu"), torch.float32)
    inference.WORTH_COMPILING = 0.0
    run.compile_if_faster(10_000, batch_size=3)  # says so and goes on
    assert not run.compiled
    assert run(network.black(3, run.device)).shape == (3, network.widths["last"])
    try:
        run.compile(3)
    except UserError as error:
        print(error)
"""


def backbone(name, weights="random"):
    return make_backbone(name, weights, pretrained_dir=Path("none"), seed=0)


@pytest.fixture(scope="module")
def tiny():
    """timm's small network for tests, with batch norms that do something."""
    made = backbone("test_resnet")
    generator = torch.Generator().manual_seed(0)
    for module in made.trunk.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1, generator=generator)
            module.running_var.uniform_(0.5, 2, generator=generator)
            module.bias.normal_(0, 0.1, generator=generator)
    return made


def pixels(count, side, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, side, side, 3), dtype=torch.uint8, generator=generator)


def plain(backbone, pictures, pool):
    """float32, eager, nothing folded."""
    recipe = backbone.recipe
    images = (pictures.permute(0, 3, 1, 2) / 255 - torch.tensor(recipe.mean).view(3, 1, 1)) / (
        torch.tensor(recipe.std).view(3, 1, 1)
    )
    with torch.inference_mode():
        return Readout(backbone, "last", pool)(images)


@pytest.mark.parametrize(
    ("name", "norms"), [("resnet18", 0), ("tf_efficientnet_lite0", 0), ("densenet121", 62)]
)
def test_folding_keeps_the_function(name, norms):
    """All norms behind a convolution go; DenseNet has others, before its convolutions."""
    trunk = timm.create_model(name, num_classes=0).eval().requires_grad_(False)
    for module in trunk.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.8, 1.2)
    image = torch.rand(2, 3, 96, 96)
    expected = trunk(image)
    result = folded(trunk, torch.rand(1, 3, 64, 64))
    torch.testing.assert_close(result(image), expected, rtol=1e-3, atol=1e-4)
    assert sum(isinstance(m, nn.BatchNorm2d) for m in result.modules()) == norms
    torch.testing.assert_close(trunk(image), expected)  # the original is as it was


def test_a_layer_that_is_named_is_as_it_was(tiny):
    """Also a convolution, whose norm is otherwise put into it, and the inside of such a norm."""
    layers = ["conv1.0", "layer1.0.conv1", "layer1"]
    pictures = pixels(2, tiny.recipe.input_size)
    images = (pictures.permute(0, 3, 1, 2) / 255 - torch.tensor(tiny.recipe.mean).view(3, 1, 1)) / (
        torch.tensor(tiny.recipe.std).view(3, 1, 1)
    )
    with torch.inference_mode():
        expected = Readout(tiny, layers, "mean")(images)
        found = Network(tiny, layers, "mean")(pictures)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


class Forked(nn.Module):
    """The convolution's output goes to the norm and past it: folding would change the sum."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
        self.norm.running_var.fill_(5.0)

    def forward(self, x):
        x = self.conv(x)
        return self.norm(x) + x


def test_what_cannot_be_folded_is_left():
    trunk = Forked().eval()
    image = torch.rand(2, 3, 8, 8)
    torch.testing.assert_close(folded(trunk, image)(image), trunk(image))


@pytest.mark.parametrize("pool", ["spatial", "head"])
def test_float32_gives_the_plain_features(tiny, pool):
    run = Torch(Network(tiny, "last", pool), CPU, torch.float32)
    pictures = pixels(5, tiny.recipe.input_size)
    expected = plain(tiny, pictures, pool)
    assert run.network.widths["last"] == expected.shape[1]
    torch.testing.assert_close(run(pictures), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "weights", "least"), [(PACKAGED, "packaged", 0.99), ("resnet50", "random", 0.999)]
)
def test_bfloat16_keeps_the_direction(name, weights, least):
    made = backbone(name, weights)
    run = Torch(Network(made, "last", "spatial"), CPU, torch.bfloat16)
    pictures = pixels(3, 224)
    found = run(pictures)
    assert found.dtype == torch.float32
    cosine = torch.cosine_similarity(found, plain(made, pictures, "spatial"))
    assert cosine.min() > least


@pytest.mark.slow(reason="compiles")
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("compiled", [False, True])
def test_the_place_in_the_batch_changes_no_bit(tiny, precision, compiled):
    run = Torch(Network(tiny, "last", "spatial"), CPU, precision)
    if compiled:
        run.compile(4)
        assert run.compiled
    pictures = pixels(7, tiny.recipe.input_size)
    with workers(CPU, 1) as pool:
        first = pool.submit(run, pictures[:4]).result()
        second = pool.submit(run, pictures[3:]).result()
    assert torch.equal(first[3], second[0])
    cosine = torch.cosine_similarity(first, plain(tiny, pictures[:4], "spatial"))
    assert cosine.min() > 0.999


@pytest.mark.slow(reason="compiles")
def test_compiled_networks_are_not_mistaken_for_each_other(tiny):
    """In turn, each gone before the next is made, so that memory is used again."""
    pictures = pixels(2, tiny.recipe.input_size)
    for pool in ("spatial", "head", "spatial", "head"):
        run = Torch(Network(tiny, "last", pool), CPU, torch.float32)
        expected = run(pictures)
        run.compile(2)
        torch.testing.assert_close(run(pictures), expected)
        del run


@pytest.mark.slow(reason="starts a process")
def test_without_a_compiler(tmp_path):
    environment = {
        **os.environ, "CXX": "no-such-compiler", "TORCHINDUCTOR_CACHE_DIR": str(tmp_path),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(NO_COMPILER)],
        env=environment, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("features: not compiled: test_resnet cannot be compiled")
    assert done.stdout.count("\n") == 2
    assert "features.engine: torch" in done.stdout.splitlines()[1]


@pytest.mark.slow(reason="compiles")
@pytest.mark.parametrize(("faster", "compiled"), [(True, True), (False, False)])
def test_compiled_when_it_pays(tiny, monkeypatch, faster, compiled):
    run = Torch(Network(tiny, "last", "head"), CPU, torch.float32)
    rates = iter([100.0, 200.0 if faster else 99.0])
    monkeypatch.setattr(inference, "rate", lambda *_, **__: next(rates))
    run.compile_if_faster(10**9, batch_size=4)
    assert run.compiled == compiled


def test_few_seconds_of_work_are_not_compiled(tiny):
    run = Torch(Network(tiny, "last", "head"), CPU, torch.float32)
    run.compile_if_faster(1000, batch_size=4)
    assert not run.compiled


def test_batches_are_filled_up_with_black():
    pictures = pixels(3, 4)
    assert torch.equal(padded(pictures, 3), pictures)
    assert torch.equal(padded(pictures, 5), torch.cat([pictures, torch.zeros(2, 4, 4, 3)]).byte())


def test_the_trunk_given_stays_as_it_was(tiny):
    before = copy.deepcopy(tiny.trunk.state_dict())
    Torch(Network(tiny, "last", "head"), CPU, torch.bfloat16)
    after = tiny.trunk.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)

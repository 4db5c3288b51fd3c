"""The engine of the work at hand: what it may be, and that its features are PyTorch's."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from torch import nn

from pipeline.backbones.weights import PACKAGED, make_backbone
from pipeline.features import engines
from pipeline.features.engines import LEAST_COSINE, Choice, Work
from pipeline.features.inference import Torch, workers
from pipeline.features.network import Network
from pipeline.features.openvino import Converted

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
BATCH = 4
QUIET = """
    import sys
    from pathlib import Path
    from pipeline.backbones.weights import make_backbone
    from pipeline.features.network import Network
    from pipeline.features.openvino import Converted

    backbone = make_backbone("test_resnet", "random", pretrained_dir=Path("none"), seed=0)
    Converted(Network(backbone, "last", "head"), batch_size=1, threads=1)
    assert "openvino" in sys.modules
    assert sys.modules["openvino_telemetry"] is None
"""


def network(name="test_resnet", weights="random", layers="last", pool="mean"):
    return Network(make_backbone(name, weights, pretrained_dir=Path("none"), seed=0), layers, pool)


def pixels(network, count=BATCH):
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(count, 3, 7, 7, generator=generator)
    smooth = nn.functional.interpolate(coarse, network.side, mode="bicubic").clamp(0, 1)
    return (255 * smooth).byte().permute(0, 2, 3, 1).contiguous()


def choice(network, pictures=10**6, *, alone=True):
    work = Work(pictures, pixels(network), alone)
    return Choice(network, work, CPU, batch_size=BATCH, threads=2)


@pytest.mark.slow(reason="converts six networks")
@pytest.mark.parametrize(
    ("name", "weights", "layers", "pool"),
    [
        ("test_resnet", "random", "last", "spatial"),
        ("test_resnet", "random", [0, -1], "mean_std"),
        ("vit_tiny_patch16_224", "random", [5, "last"], "cls_mean"),
        ("test_convnext", "random", "auto", "mean"),
        (PACKAGED, "packaged", "auto", "mean"),
        (PACKAGED, "packaged", "last", "head"),
    ],
)
def test_openvino_gives_the_features_of_pytorch(name, weights, layers, pool):
    made = network(name, weights, layers, pool)
    converted = Converted(made, batch_size=BATCH, threads=2)
    pictures = pixels(made)
    expected = Torch(made, CPU, torch.float32)(pictures)
    found = converted.compiled(torch.float32)(pictures)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4 * expected.abs().max().item())


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_neither_place_nor_thread_changes_a_bit(precision):
    made = network()
    converted = Converted(made, batch_size=BATCH, threads=2)
    if precision == torch.bfloat16 and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        pytest.skip("the processor has no bfloat16")
    engine = converted.compiled(precision)
    pictures = pixels(made, 2 * BATCH - 1)
    parts = [pictures[:BATCH], pictures[BATCH - 1 :]] * 4
    with workers(CPU, 2) as pool:
        found = list(pool.map(engine, parts))
    assert torch.equal(found[0][-1], found[1][0])
    assert all(torch.equal(found[i], found[i % 2]) for i in range(len(parts)))


def test_openvino_is_not_told_to_its_makers(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(QUIET)], env={**os.environ, "HOME": str(tmp_path)},
        cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert not any("intel" in path.name.lower() for path in tmp_path.iterdir())


def test_much_work_goes_to_openvino():
    engine = choice(network()).engine("auto", "float32")
    assert engine.mode == "cpu in float32 by OpenVINO"


@pytest.mark.parametrize("name", ["auto", "torch"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_little_work_is_done_as_it_is(name, precision):
    engine = choice(network(), 31).engine(name, precision)
    assert engine.mode == f"cpu in {precision}"
    assert choice(network(), 31).engine(name, "auto").mode == "cpu in float32"


def test_what_is_asked_for_by_name_is_had():
    assert choice(network(), 1).engine("openvino", "float32").mode.endswith("by OpenVINO")
    assert choice(network()).engine("torch", "bfloat16").mode == "cpu in bfloat16"


@pytest.mark.slow(reason="compiles")
def test_compiled_by_name():
    assert choice(network(), 1).engine("compiled", "float32").mode == "cpu in float32, compiled"


@pytest.mark.parametrize(("rates", "taken"), [((1, 2), "bfloat16"), ((2, 1), "float32")])
@pytest.mark.parametrize("name", ["auto", "torch"])
def test_the_faster_precision_is_taken(monkeypatch, name, rates, taken):
    """Of a network whose features bfloat16 leaves as they are."""
    monkeypatch.setattr(engines, "choose_precision", lambda *_, **__: torch.bfloat16)
    by_precision = dict(zip((torch.float32, torch.bfloat16), rates, strict=True))
    monkeypatch.setattr(engines, "rate", lambda engine, **_: by_precision[engine.precision])
    engine = choice(network()).engine(name, "auto")
    assert f"in {taken}" in engine.mode


def test_a_precision_that_turns_features_away_is_not_taken(monkeypatch):
    """However fast: bfloat16 has a cosine of 0.99 to 0.998 for the packaged network."""
    monkeypatch.setattr(engines, "choose_precision", lambda *_, **__: torch.bfloat16)
    monkeypatch.setattr(engines, "rate", lambda engine, **_: engine.precision.itemsize == 2)
    made = network(PACKAGED, "packaged", "last", "head")
    expected = Torch(made, CPU, torch.float32)(pixels(made))
    found = Torch(made, CPU, torch.bfloat16)(pixels(made))
    assert torch.cosine_similarity(found, expected).min() < LEAST_COSINE
    assert "in float32" in choice(made).engine("torch", "auto").mode
    assert "in float32" in choice(made, alone=False).engine("torch", "auto").mode


@pytest.mark.parametrize("matrices", [False, True])
@pytest.mark.parametrize("pictures", [31, 10**6])
def test_several_processes_take_the_same_precision(monkeypatch, matrices, pictures):
    """Whatever their clocks say and however little one of them has to do."""
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: matrices)
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True)
    monkeypatch.delattr(engines, "rate")
    engine = choice(network(), pictures, alone=False).engine("torch", "auto")
    assert engine.mode == f"cpu in {'bfloat16' if matrices else 'float32'}"


def test_openvino_not_installed(monkeypatch, refused, capsys):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with refused("OpenVINO is not installed", "pip install openvino", "features.engine: torch"):
        choice(network()).engine("openvino", "auto")
    assert choice(network()).engine("auto", "float32").mode == "cpu in float32"
    assert capsys.readouterr().out.startswith(
        "features: PyTorch computes, as OpenVINO is not installed"
    )


class Undecided(nn.Module):
    """It looks at a value to go on, which no exporter can follow."""

    def forward(self, images):
        return images.mean((2, 3)) if images.sum() > 0 else images.amax((2, 3))


def test_what_openvino_cannot_convert(refused, capsys):
    made = network()
    made.readout = Undecided()
    with refused("OpenVINO cannot convert test_resnet", "features.engine: torch"):
        choice(made).engine("openvino", "auto")
    assert choice(made).engine("auto", "float32").mode == "cpu in float32"
    assert capsys.readouterr().out.startswith(
        "features: PyTorch computes, as OpenVINO cannot convert test_resnet"
    )


def test_other_features_are_not_taken(monkeypatch, refused):
    made = network()
    compiled = Converted.compiled
    monkeypatch.setattr(Converted, "compiled", lambda *args: Off(compiled(*args)))
    with refused("OpenVINO gives other features of test_resnet", "features.engine: torch"):
        choice(made).engine("openvino", "auto")


def test_a_processor_without_bfloat16(refused):
    class Core:
        def __getattr__(self, name):
            return getattr(real, name)

        def get_property(self, device, name):
            return ["FP32"]

    converted = Converted(network(), batch_size=BATCH, threads=2)
    real = converted._core
    converted._core = Core()
    with refused("OpenVINO does not compute in bfloat16", "features.precision: float32"):
        converted.compiled(torch.bfloat16)
    assert converted.compiled(torch.float32).precision == torch.float32


@pytest.mark.parametrize("name", ["auto", "torch", "compiled", "openvino"])
def test_features_that_are_not_finite_are_for_the_extractor_to_tell(monkeypatch, name, capsys):
    made = network()
    monkeypatch.setattr(engines, "choose_precision", lambda *_, **__: torch.bfloat16)
    made.mean.fill_(float("nan"))
    assert choice(made).engine(name, "auto").mode == "cpu in float32"
    assert capsys.readouterr().out == ""


class Off:
    """An engine that is wrong by a hundredth."""

    def __init__(self, engine):
        self.engine, self.precision = engine, engine.precision

    def __call__(self, pictures):
        return 1.01 * self.engine(pictures)

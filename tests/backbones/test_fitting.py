"""Which of a file's tensors are a trunk's."""

import pytest
import timm
import torch

from pipeline.backbones.fitting import MisfitError, fit, likely


@pytest.fixture(scope="module")
def trunk():
    return timm.create_model("test_resnet", num_classes=0)


@pytest.fixture(scope="module")
def whole():
    """The same network with its head, and other values."""
    return timm.create_model("test_resnet", num_classes=10).state_dict()


def under(prefix, tensors):
    return {f"{prefix}{name}": tensor for name, tensor in tensors.items()}


def assert_fits(tensors, trunk, expected, part):
    state, found = fit(tensors, trunk)
    assert found == part
    assert list(state) == list(trunk.state_dict())
    assert all(torch.equal(state[name], expected[name]) for name in state)


@pytest.mark.parametrize(
    "part",
    [
        "", "module", "model", "model.module", "state_dict", "state_dict.model", "model_state_dict",
        "model_ema", "network", "net", "trunk", "encoder", "backbone.body", "0",
    ],
)  # fmt: skip
def test_one_network_under_any_name(trunk, whole, part):
    assert_fits(under(f"{part}." if part else "", whole), trunk, whole, part)


def test_what_stands_beside_the_network_is_left(trunk, whole):
    beside = {
        "fc.weight": 0,
        "criterion.center": 0,
        "optimizer.state.0.exp_avg": 0,
        "n_averaged": 0,
    }
    beside = {name: torch.zeros(2) for name in beside}
    assert_fits(under("backbone.", whole) | beside, trunk, whole, "backbone")


@pytest.mark.parametrize(
    "name",
    ["fc.1.weight", "classifier.weight", "head.fc.bias", "AuxLogits.fc.weight",
     "layer1.0.total_ops", "layer1.attn_mask"],
)  # fmt: skip
def test_heads_and_counts_are_left(trunk, whole, name):
    assert_fits(whole | {name: torch.zeros(1)}, trunk, whole, "")


@pytest.mark.parametrize("ema", ["ema", "model_ema", "state_dict_ema", "ema_model", "ema.module"])
@pytest.mark.parametrize("plain", ["state_dict", "model", "network.module"])
def test_of_two_the_moving_average_is_taken(trunk, whole, ema, plain):
    zeros = {name: torch.zeros_like(tensor) for name, tensor in whole.items()}
    both = under(f"{plain}.", zeros) | under(f"{ema}.", whole)
    assert_fits(both, trunk, whole, ema)


def test_a_moving_average_of_a_part_is_not_taken(trunk, whole):
    few = {name: whole[name] for name in list(whole)[:3]}
    both = under("state_dict.", whole) | under("ema.", few)
    assert_fits(both, trunk, whole, "state_dict")


@pytest.mark.parametrize("names", [("student", "teacher"), ("ema", "model_ema")])
def test_several_of_a_kind(trunk, whole, names):
    first, second = names
    with pytest.raises(MisfitError, match=f"hold the network 2 times: {first}., {second}."):
        fit(under(f"{first}.", whole) | under(f"{second}.", whole), trunk)


def test_counts_of_batch_normalisation_may_lack(trunk, whole):
    counts = {name for name in whole if name.endswith("num_batches_tracked")}
    assert counts
    expected = whole | {name: trunk.state_dict()[name] for name in counts}
    assert_fits({n: t for n, t in whole.items() if n not in counts}, trunk, expected, "")


@pytest.mark.parametrize("part", ["", "model."])
def test_what_does_not_fit(trunk, whole, part):
    first = next(iter(whole))
    count = sum(not n.endswith("num_batches_tracked") for n in trunk.state_dict())
    for changed, said in [
        ({n: t for n, t in whole.items() if n != first},
         f"lack 1 of {count} tensors, the first is {part}{first}"),
        (whole | {first: torch.zeros(2, 1)},
         f"have 1 tensor of another shape, the first is {first}: (2, 1), not (16, 3, 3, 3)"),
        (whole | {"layer9.0.a": torch.zeros(1), "layer9.0.b": torch.zeros(1)},
         f"have 2 tensors too many, the first is {part}layer9.0.a"),
    ]:  # fmt: skip
        with pytest.raises(MisfitError) as caught:
            fit(under(part, changed), trunk)
        assert str(caught.value) == said


def test_nothing_that_fits(trunk):
    with pytest.raises(MisfitError, match=r"the first is conv1\.0\.weight"):
        fit({"a": torch.zeros(1)}, trunk)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tf_efficientnet_lite1", ["tf_efficientnet_lite0", "mine.pth"]),
        ("resnet34", ["resnet18", "mine.pth"]),
        ("resnet50", ["tf_efficientnet_lite0", "resnet50-0676ba61.pth"]),
    ],
)
@pytest.mark.slow(reason="builds many backbones")
def test_a_backbone_that_fits(name, words):
    with torch.device("meta"):
        tensors = timm.create_model(name).state_dict()
    assert likely(under("model.", tensors), words) == name


def test_no_backbone_fits():
    assert likely({"a": torch.zeros(1)}, ["resnet18"]) is None

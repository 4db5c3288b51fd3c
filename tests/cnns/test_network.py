"""The network of a run at the start of its training."""

from __future__ import annotations

import numpy as np
import torch

from pipeline.cnns.inputs import Pictures
from pipeline.cnns.network import make_network
from pipeline.cnns.standardization import StandardizePicture, StandardizeSet
from pipeline.cnns.transfer import TransferNetwork


def test_the_set_is_standardised_by_its_channels(pictures):
    layer = StandardizeSet.fit(pictures)
    x = torch.from_numpy(pictures[:]).permute(0, 3, 1, 2) / 255
    y = layer(x)
    torch.testing.assert_close(y.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(y.std((0, 2, 3), correction=0), torch.ones(3))


def test_a_constant_channel_is_only_shifted():
    pixels = np.full((3, 8, 8, 1), 77, np.uint8)
    layer = StandardizeSet.fit(Pictures(pixels, np.arange(3), np.eye(3, dtype=np.int8)))
    assert layer.deviation.item() == 1


def test_each_picture_is_standardised_by_itself(pictures):
    x = torch.from_numpy(pictures[:]).permute(0, 3, 1, 2) / 255
    y = StandardizePicture()(x)
    torch.testing.assert_close(y.mean((1, 2, 3)), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(y.std((1, 2, 3), correction=0), torch.ones(4))
    flat = torch.full((1, 3, 12, 12), 0.5)
    flat[0, 0, 0, 0] = 0.6  # its deviation is below one over the root of the number of values
    least = 1 / np.sqrt(3 * 144)
    expected = (flat - flat.mean()) / max(flat.std(correction=0).item(), least)
    torch.testing.assert_close(StandardizePicture()(flat), expected)


def test_a_transfer_has_the_trunks_preparation(run, pictures, tmp_path):
    params = run(architecture={"backbone": "resnet18", "weights": "random", "dropout": 0.5})
    network, trunk = make_network(params, pictures, seed=0, pretrained_dir=tmp_path)
    assert (trunk.size, trunk.width, trunk.mean) == (224, 512, (0.485, 0.456, 0.406))
    transfer = network[1]
    assert isinstance(transfer, TransferNetwork)
    transfer.train()
    assert not transfer.trunk.training
    assert transfer.head.training


def test_a_transfer_sees_pictures_of_the_size_asked_for(run, pictures, tmp_path):
    architecture = {"backbone": "resnet18", "weights": "random", "size": 64}
    network, trunk = make_network(
        run(architecture=architecture), pictures, seed=0, pretrained_dir=tmp_path
    )
    assert trunk.size == 64
    seen = []
    network[1].trunk.conv1.register_forward_hook(lambda _, given, out: seen.append(given[0].shape))
    network(torch.zeros(2, 3, 12, 12))
    assert seen == [(2, 3, 64, 64)]


def test_mistakes(run, pictures, tmp_path, refused):
    for architecture, part in [
        (
            {"backbone": "resnet5", "weights": "random"},
            "architecture.backbone 'resnet5' is unknown",
        ),
        ({"backbone": "resnet18", "weights": "a.pth"}, "architecture.weights is 'a.pth'"),
        (
            {"backbone": "resnet18", "weights": "packaged"},
            "architecture.weights packaged exist for",
        ),
        (
            {"backbone": "vit_tiny_patch16_224", "weights": "random", "size": 64},
            "architecture.size is 64: vit_tiny_patch16_224 cannot take it",
        ),
    ]:
        with refused(part):
            make_network(run(architecture=architecture), pictures, seed=0, pretrained_dir=tmp_path)
    grey = Pictures(pictures.pixels[..., :1], pictures.rows, pictures.targets)
    params = run(architecture={"backbone": "resnet18", "weights": "random"})
    with refused("resnet18 sees RGB", "pixels.colour: rgb"):
        make_network(params, grey, seed=0, pretrained_dir=tmp_path)

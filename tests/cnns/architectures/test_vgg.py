from torch import nn

from pipeline.cnns.architectures.registry import parameters


def test_vgg12_has_the_published_size(network):
    built = network("vgg12", 224, classes=5)
    assert parameters(built) == 6_625_101
    layers = [m for m in built.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(layers) == 12 + 1  # and the outputs
    assert all(layer.bias is not None for layer in layers)

import pytest

from pipeline.cnns.architectures.registry import build_network


@pytest.fixture
def network():
    """A name and what differs from 10 classes of RGB pictures, seed 0 -> the network."""

    def build(name, size, *, classes=10, channels=3, seed=0):
        return build_network(name, classes=classes, channels=channels, size=size, seed=seed)

    return build

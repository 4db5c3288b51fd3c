import pytest
import torch
import torchvision

from pipeline.cnns.architectures import torchvision as ready


@pytest.mark.parametrize("name", ["resnet18", "vgg16", "mobilenet_v2"])
@pytest.mark.parametrize("channels", [1, 3])
def test_they_are_those_of_torchvision_but_for_the_first_convolution(name, channels):
    with torch.device("meta"):
        theirs = getattr(torchvision.models, name)(num_classes=7)
        ours = getattr(ready, name).build(classes=7, channels=channels, size=32)
    expected = {key: list(value.shape) for key, value in theirs.state_dict().items()}
    expected[next(iter(expected))][1] = channels
    assert {key: list(value.shape) for key, value in ours.state_dict().items()} == expected

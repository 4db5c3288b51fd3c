import pytest
import torch
import torchvision

from pipeline.cnns.architectures.registry import parameters


@pytest.mark.usefixtures("one_thread")
def test_resnet50_is_that_of_torchvision(network):
    torch.manual_seed(0)
    theirs = torchvision.models.resnet50(num_classes=7).eval()
    with torch.no_grad():
        for module in theirs.modules():  # statistics of an untrained network are 0 and 1
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
                module.bias.normal_(0, 0.1)
    ours = network("resnet50", 64, classes=7).eval()
    ours.load_state_dict(theirs.state_dict())
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert parameters(ours) == parameters(theirs)
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x), rtol=0, atol=1e-5)


def test_resnet29_has_the_published_size(network):
    built = network("resnet29", 224, classes=5)
    assert parameters(built) == 4_088_837
    layers = [m for m in built.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]
    assert len(layers) == 29 + 3  # and the projections

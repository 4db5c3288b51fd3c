"""Networks of torchvision, without weights, for any number of channels.

For RGB they are torchvision's own; otherwise their first convolution is replaced by one with as
many input channels. torchvision is imported when one is built: it takes more than a second.
"""

from __future__ import annotations

from torch import nn

from pipeline.cnns.architectures.architecture import architecture


@architecture(made_for=224, least=32)
def resnet18(*, classes: int, channels: int, size: int) -> nn.Module:
    """ResNet-18: He et al., arXiv 1512.03385, table 1, from torchvision."""
    from torchvision import models

    network = models.resnet18(num_classes=classes)
    if channels != 3:
        network.conv1 = _with_channels(network.conv1, channels)
    return network  # type: ignore[no-any-return]


@architecture(made_for=224, least=32)
def vgg16(*, classes: int, channels: int, size: int) -> nn.Module:
    """VGG-16: Simonyan & Zisserman, arXiv 1409.1556, table 1 D, from torchvision.

    Its last map is brought to 7 x 7 for the dense layers: at 32 pixels its one place is repeated.
    """
    from torchvision import models

    network = models.vgg16(num_classes=classes, init_weights=False)
    if channels != 3:
        network.features[0] = _with_channels(network.features[0], channels)
    return network  # type: ignore[no-any-return]


@architecture(made_for=224, least=32)
def mobilenet_v2(*, classes: int, channels: int, size: int) -> nn.Module:
    """MobileNetV2: Sandler et al., arXiv 1801.04381, table 2, from torchvision."""
    from torchvision import models

    network = models.mobilenet_v2(num_classes=classes)
    if channels != 3:
        network.features[0][0] = _with_channels(network.features[0][0], channels)
    return network  # type: ignore[no-any-return]


def _with_channels(conv: nn.Conv2d, channels: int) -> nn.Conv2d:
    """A convolution as `conv`, of so many input channels."""
    return nn.Conv2d(
        channels,
        conv.out_channels,
        conv.kernel_size,  # type: ignore[arg-type]
        stride=conv.stride,  # type: ignore[arg-type]
        padding=conv.padding,  # type: ignore[arg-type]
        bias=conv.bias is not None,
    )

"""Two small convolutional networks: 3 x 3 convolutions, each with a max-pooling, then dense layers.

Without padding a pooling of 2 drops the last row and column of a map of odd size.
"""

from __future__ import annotations

from torch import nn

from pipeline.cnns.architectures.architecture import architecture


@architecture(made_for=28, channels=1, least=4)
def cnn_mnist(*, classes: int, channels: int, size: int) -> nn.Module:
    """Two convolutions of 16 and 32 filters, with biases; dense layers of 48 and `classes`."""
    side = size // 4
    return nn.Sequential(
        nn.Conv2d(channels, 16, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * side * side, 48),
        nn.ReLU(),
        nn.Linear(48, classes),
    )


@architecture(made_for=32, least=8)
def cnn_cifar(*, classes: int, channels: int, size: int) -> nn.Module:
    """Three convolutions of 32, 64 and 128 filters; dense layers of 256 and `classes`.

    BatchNorm follows each convolution, which has no bias: BatchNorm would take it away again
    (arXiv 1502.03167, section 3.2).
    """
    layers: list[nn.Module] = []
    n_in, side = channels, size // 8
    for n_out in (32, 64, 128):
        layers += [
            nn.Conv2d(n_in, n_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(n_out),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
        ]
        n_in = n_out
    return nn.Sequential(
        *layers,
        nn.Flatten(),
        nn.Linear(128 * side * side, 256),
        nn.ReLU(),
        nn.Linear(256, classes),
    )

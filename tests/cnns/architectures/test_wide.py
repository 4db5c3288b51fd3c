from torch import nn

from pipeline.cnns.architectures.registry import parameters


def test_the_wide_network_has_16_layers_and_about_40_megabytes(network):
    built = network("wide_resnet", 32)
    assert parameters(built) == 10_961_370
    kernels = [m.kernel_size for m in built.modules() if isinstance(m, nn.Conv2d)]
    assert kernels.count((3, 3)) + kernels.count((1, 1)) == len(kernels) == 16
    assert kernels.count((1, 1)) == 3

import pytest
import torch

from pipeline.cnns.architectures.airbench import FastBias, PatchWhitening
from pipeline.cnns.architectures.registry import parameters


def test_it_has_the_layers_of_the_paper(network):
    built = network("airbench", 32)
    assert parameters(built) == 1_971_352
    assert [m.kernel_size for m in built.modules() if isinstance(m, torch.nn.Conv2d)] == [
        (3, 3)
    ] * 6


def test_whitened_patches_are_uncorrelated_and_of_variance_1():
    rough = torch.rand(50, 3, 20, 20, generator=torch.Generator().manual_seed(0))
    x = torch.nn.functional.avg_pool2d(rough, 3, stride=1, padding=1)  # neighbours are alike
    x[:, 2] += 0.5 * x[:, 0]
    layer = PatchWhitening(3)
    layer.fit(x * 10)  # so that the addition to the eigenvalues is small beside them
    with torch.no_grad():
        y = layer(x * 10)
    assert y.shape == (50, 24, 19, 19)
    assert torch.equal(y[:, 12:], -y[:, :12])
    covariance = torch.cov(y[:, :12].transpose(0, 1).flatten(1))
    torch.testing.assert_close(covariance, torch.eye(12), rtol=0, atol=0.01)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_a_fast_bias_moves_64_times_as_far(momentum):
    x = torch.rand(5, 2, 3, 3)
    fast, plain = FastBias(2), torch.nn.Parameter(torch.zeros(2))
    options = {"momentum": momentum, "nesterov": momentum > 0}
    steps = [
        torch.optim.SGD(fast.parameters(), lr=0.001, **options),
        torch.optim.SGD([plain], lr=0.064, **options),
    ]
    for _ in range(3):
        for optimizer, y in zip(steps, (fast(x), x + plain[:, None, None]), strict=True):
            optimizer.zero_grad()
            (y**2).sum().backward()
            optimizer.step()
    torch.testing.assert_close(8 * fast.bias, plain)

import numpy as np
import pytest
import torch

from pipeline.nn.initialization import initial_weights


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(400, 500), (3, 3, 40, 60)])
@pytest.mark.parametrize("init", ["normal", "xavier", "he"])
def test_deviations_are_those_of_torch(init, shape, dtype, rng):
    weights = initial_weights(shape, init=init, rng=rng, dtype=dtype)
    oracle = torch.empty(*shape[:-3:-1], *shape[:-2])  # torch has (n_out, n_in, …)
    if init == "normal":
        torch.nn.init.normal_(oracle, std=0.01)
    elif init == "xavier":
        torch.nn.init.xavier_normal_(oracle)
    else:
        torch.nn.init.kaiming_normal_(oracle, nonlinearity="relu")
    assert weights.dtype == dtype
    assert weights.std() == pytest.approx(float(oracle.std()), rel=0.03)
    assert weights.mean() == pytest.approx(0, abs=4 * weights.std() / np.sqrt(weights.size))

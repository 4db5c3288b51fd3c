"""What a training starts from and takes along: class weights, output bias, optimizer state."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.core.errors import UserError


def class_weights(targets: NDArray[np.int8]) -> Tensor:
    """(N, L) of 0 and 1 -> (L,) n / (n_c L), n the number of labels given; 0 without a picture."""
    counts = torch.from_numpy(targets.sum(0, dtype=np.float64))
    weights = counts.sum() / (counts * len(counts))
    return torch.where(counts > 0, weights, 0.0).float()


def set_output_bias(network: nn.Module, targets: NDArray[np.int8], *, multilabel: bool) -> None:
    """The last layer's bias to the log frequencies (several labels: log odds) of the classes.

    Errors: `UserError` for a last layer without one.
    """
    last = [module for module in network.modules() if isinstance(module, nn.Linear)][-1]
    if last.bias is None:
        raise UserError(
            "output_bias is frequencies, but the network's last layer has no bias: set "
            "output_bias: zero"
        )
    n = len(targets)
    frequencies = torch.from_numpy(targets.mean(0)).clamp(0.5 / n, 1 - 0.5 / n)
    bias = torch.logit(frequencies) if multilabel else frequencies.log()
    with torch.no_grad():
        last.bias.copy_(bias)


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The state of each parameter as `INDEX.NAME`."""
    return {
        f"{index}.{name}": value
        for index, state in optimizer.state_dict()["state"].items()
        for name, value in state.items()
        if isinstance(value, Tensor)
    }


def load_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """What `optimizer_tensors` gave, for the same parameters."""
    params = [p for group in optimizer.param_groups for p in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        index, _, name = key.partition(".")
        p = params[int(index)]
        if tensor.shape == p.shape:  # fused steps want it to lie in memory as the parameter does
            tensor = torch.empty_like(p).copy_(tensor)
        state.setdefault(int(index), {})[name] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})

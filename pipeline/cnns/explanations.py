"""What a network looked at: Grad-CAM of the test pictures it was surest of, right and wrong."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.artifacts.explanations import SCHEMA
from pipeline.cnns.inputs import Pictures, as_input
from pipeline.cnns.trained import TrainedNetwork
from pipeline.measure.accuracy import hits


def explain(
    trained: TrainedNetwork,
    pictures: Pictures,
    rows: pa.Table,
    scores: NDArray[np.float32],
    *,
    count: int,
) -> pa.Table:
    """SCHEMA of the surest of these pictures, `count` right ones and as many wrong.

    rows: image_id and labels of each; scores: (N, L). Of a network that has no map of places, none.
    """
    network = trained.network.eval()
    device = next(network.parameters()).device
    chosen = surest(scores, pictures.targets, count=count)
    inputs = [as_input(torch.from_numpy(pictures[i : i + 1]).to(device)) for i in chosen]
    layer = last_map(network, inputs[0]) if inputs else None
    if layer is None:
        return SCHEMA.empty_table()
    explained = []
    for i, x in zip(chosen, inputs, strict=True):
        guess = int(scores[i].argmax())
        heat = np.rint(255 * grad_cam(network, layer, x, guess)).astype(np.uint8)
        predicted = {"predicted": trained.classes[guess], "score": float(scores[i, guess])}
        explained.append({**rows.slice(i, 1).to_pylist()[0], **predicted, "heat": heat.tolist()})
    return pa.Table.from_pylist(explained, SCHEMA)


def surest(scores: NDArray[np.float32], targets: NDArray[np.int8], *, count: int) -> list[int]:
    """Rows whose top class has the highest score, each class in turn.

    `count` of those where it is one of the picture's, then as many of the others, as far as they
    go. scores, targets: (N, L).
    """
    wrong, top = ~hits(scores, targets), scores.argmax(1)
    table = pd.DataFrame({"wrong": wrong, "top": top, "score": scores.max(1)})
    table = table.sort_values("score", ascending=False, kind="stable")
    table["turn"] = table.groupby(["wrong", "top"]).cumcount()
    chosen = table.sort_values("turn", kind="stable").groupby("wrong").head(count)
    return [int(row) for row in chosen.sort_values("wrong", kind="stable").index]


def last_map(network: nn.Module, x: Tensor) -> nn.Module | None:
    """The layer that gives the last map of places, (N, K, h, w), for the pictures x (N, C, H, W).

    The map is as fine as what the last convolution gives that has more than one place, and comes
    after normalisation, activation and shortcut. None where there is no convolution, or where what
    it gives are tokens of a transformer.
    """
    places: torch.Size | None = None
    found: nn.Module | None = None

    def see(module: nn.Module, _: tuple[Tensor, ...], output: object) -> None:
        nonlocal places, found
        if not isinstance(output, Tensor):
            return
        if isinstance(module, nn.Conv2d) and output.shape[2:].numel() > 1:
            places = output.shape[2:]
        if isinstance(module, nn.Linear) and output.ndim == 3:
            places = found = None
        elif output.ndim == 4 and output.shape[2:] == places:
            found = module

    hooks = [module.register_forward_hook(see) for module in network.modules()]
    try:
        with torch.inference_mode():
            network(x)
    finally:
        for hook in hooks:
            hook.remove()
    return found


def grad_cam(network: nn.Module, layer: nn.Module, x: Tensor, target: int) -> NDArray[np.float32]:
    """Where `layer` sees what speaks for the class `target`: (h, w), 1 at most, 0 where nothing.

    The rectified sum of the maps of `layer` (1, K, h, w), each times the mean gradient of the logit
    by it (arXiv 1610.02391, eq. 1 and 2), divided by its maximum. x: (1, C, H, W).
    """
    from captum.attr import LayerGradCam  # takes a second, so not at import

    maps = LayerGradCam(network, layer).attribute(x, target, relu_attributions=True)
    heat = maps[0, 0].detach()
    scaled: NDArray[np.float32] = (heat / heat.max().clamp(min=1e-30)).cpu().numpy()
    return scaled

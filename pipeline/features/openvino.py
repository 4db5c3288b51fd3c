"""The engine of CPUs: a network converted for OpenVINO, which folds, fuses and lays out by itself.

It knows no file: a network goes over by `torch.export`, in some two seconds.
"""

from __future__ import annotations

import sys
import threading
import warnings
from typing import Any

import torch
from torch import Tensor

from pipeline.core.errors import UserError
from pipeline.features.inference import dtype_name
from pipeline.features.network import Network

HINTS = {torch.float32: "f32", torch.bfloat16: "bf16"}
NAMES = {torch.float32: "FP32", torch.bfloat16: "BF16"}  # of what a processor is able to


class Converted:
    """`network` as OpenVINO knows it, for batches of `batch_size`, `threads` of them at once.

    Errors: `UserError` when OpenVINO is not installed, or does not know all of the network.
    """

    def __init__(self, network: Network, *, batch_size: int, threads: int) -> None:
        # It would tell its makers of each use. Without this package, its own way out, it does not.
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
        try:
            import openvino
        except ImportError:
            raise UserError(
                "OpenVINO is not installed: pip install openvino, or set features.engine: torch"
            ) from None
        self.network, self.threads = network, threads
        self._core: Any = openvino.Core()
        try:
            with warnings.catch_warnings(action="ignore"), torch.inference_mode():
                example = network.black(batch_size, torch.device("cpu"))
                self._model: Any = openvino.convert_model(torch.export.export(network, (example,)))
        except Exception as error:  # the exporter's and the converter's own
            reason = " ".join(str(error).split())[:120]
            raise UserError(
                f"OpenVINO cannot convert {network.name} ({reason}): set features.engine: torch"
            ) from None

    def compiled(self, precision: torch.dtype) -> OpenVino:
        """In this precision, in a fraction of a second.

        Errors: `UserError` where the processor does not multiply it.
        """
        able = self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if NAMES[precision] not in able:
            raise UserError(
                f"OpenVINO does not compute in {dtype_name(precision)} on this processor: set "
                "features.precision: float32, or features.engine: torch"
            )
        options = {
            "NUM_STREAMS": self.threads,
            "INFERENCE_NUM_THREADS": self.threads,
            "INFERENCE_PRECISION_HINT": HINTS[precision],
            "ENABLE_CPU_PINNING": False,  # other processes would be pinned to the same cores
        }
        model = self._core.compile_model(self._model, "CPU", options)
        return OpenVino(self.network, model, precision)


class OpenVino:
    """A converted network in one precision: an `Engine` for batches of the size it was made for."""

    def __init__(self, network: Network, model: Any, precision: torch.dtype) -> None:
        self.network, self.precision = network, precision
        self.device = torch.device("cpu")
        self._model = model
        self._mine = threading.local()  # a request is of one thread

    @property
    def mode(self) -> str:
        return f"cpu in {dtype_name(self.precision)} by OpenVINO"

    def __call__(self, pixels: Tensor) -> Tensor:
        if not hasattr(self._mine, "request"):
            self._mine.request = self._model.create_infer_request()
        self._mine.request.infer([pixels.numpy()])
        return torch.from_numpy(self._mine.request.get_output_tensor(0).data.copy())

"""Where to compute, and in which precision."""

from __future__ import annotations

import torch

from pipeline.core.errors import UserError
from pipeline.core.schema import Precision


def choose_device(name: str, *, local_rank: int = 0) -> torch.device:
    """auto (cuda where there is one), cpu, cuda (of several processes each takes one in turn) or
    cuda:1 as a torch device. Errors: `UserError` for a device that is not there."""
    count = torch.cuda.device_count()
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= count:
        raise UserError(f"device is {name}, but {count} CUDA devices are here: use auto or cpu")
    if name == "cuda":
        device = torch.device("cuda", local_rank % count)
    return device


def choose_precision(
    name: Precision, device: torch.device, *, matrix_unit: bool = False
) -> torch.dtype:
    """The dtype of this name; auto is bfloat16 where the hardware multiplies it.

    matrix_unit: on a CPU only where it has one (AMX): with instructions alone, training is faster
    in float32, and some networks are.
    """
    if name == "auto":
        matrices = torch.cpu._is_amx_tile_supported()
        fast = (
            torch.cuda.get_device_capability(device) >= (8, 0)
            if device.type == "cuda"
            else torch.ops.mkldnn._is_mkldnn_bf16_supported()
            and (matrices or (torch.cpu._is_avx512_bf16_supported() and not matrix_unit))
        )
        name = "bfloat16" if fast else "float32"
    dtype: torch.dtype = getattr(torch, name)
    return dtype

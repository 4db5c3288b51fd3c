"""Choice of device and precision."""

from __future__ import annotations

import torch

from pipeline.devices import choose_device, choose_precision

CPU = torch.device("cpu")


def test_devices(refused):
    assert choose_device("cpu") == CPU
    available = torch.cuda.is_available()
    assert choose_device("auto").type == ("cuda" if available else "cpu")
    missing = f"cuda:{torch.cuda.device_count()}"
    with refused(f"device is {missing}", "use auto or cpu"):
        choose_device(missing)


def test_precision():
    assert choose_precision("float32", CPU) == torch.float32
    assert choose_precision("bfloat16", CPU) == torch.bfloat16
    assert choose_precision("auto", CPU) in (torch.float32, torch.bfloat16)
    matrices = torch.cpu._is_amx_tile_supported()
    trained = choose_precision("auto", CPU, training=True)
    assert trained == (torch.bfloat16 if matrices else torch.float32)

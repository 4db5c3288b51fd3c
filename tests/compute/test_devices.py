"""Choice of device and precision."""

from __future__ import annotations

import pytest
import torch

from pipeline.compute.devices import choose_device, choose_precision

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


@pytest.mark.parametrize(
    ("instructions", "matrices", "extraction", "training"),
    [
        (False, False, torch.float32, torch.float32),
        (True, False, torch.bfloat16, torch.float32),
        (True, True, torch.bfloat16, torch.bfloat16),
    ],
)
def test_auto_is_what_the_processor_is_quick_at(
    monkeypatch, instructions, matrices, extraction, training
):
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: instructions)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: instructions)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: matrices)
    assert choose_precision("auto", CPU) == extraction
    assert choose_precision("auto", CPU, matrix_unit=True) == training

"""Devices and number formats that this machine computes with."""

import contextlib
import platform
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal

import torch

from ..devices import try_all_gpus

Precision = Literal["float32", "bfloat16"]


def choose_device(name: str, local_rank: int = 0) -> torch.device:
    """The device called auto, cpu, cuda, cuda:1 or mps; of several GPUs, process i takes number i.

    Raises:
        ValueError: when this machine has no such device.
    """
    wanted = name.strip().lower()
    if wanted == "auto":
        devices = try_all_gpus()
        return devices[local_rank % len(devices)]
    try:
        device = torch.device(wanted)
    except RuntimeError:
        raise ValueError(f"device must be auto, cpu, cuda, cuda:1 or mps, got {name!r}") from None
    if device.type == "cpu":
        return torch.device("cpu")
    if device.type == "mps" and torch.backends.mps.is_available():
        return torch.device("mps:0")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device.type == "cuda" and count:
        index = local_rank % count if device.index is None else device.index
        if index < count:
            return torch.device("cuda", index)
    raise ValueError(f"this machine has no device {name!r}; --device auto takes what is there")


def choose_precision(name: str, device: torch.device) -> Precision:
    """bfloat16 or float32 as they are named; for auto, bfloat16 where the hardware has it."""
    if name == "auto":
        return "bfloat16" if has_bfloat16(device) else "float32"
    return "bfloat16" if name == "bfloat16" else "float32"


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 matrices by instructions of its own."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "mps":
        return False
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        # Apple's processors from the M2 on have it, but PyTorch does not use it for training.
        return False
    names = ("amx_bf16", "avx512_bf16") if platform.machine() == "x86_64" else ("bf16",)
    return any(name in flags.split() for name in names)


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[object]:
    """The context in which the forward pass and the loss are computed."""
    if precision == "bfloat16":
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return contextlib.nullcontext()

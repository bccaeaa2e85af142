"""How much a network keeps, wherever it keeps it."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn


def tensors_in(value: Any) -> Iterator[torch.Tensor | np.ndarray]:
    """The tensors and arrays of an attribute, also in lists, tuples, sets and dictionaries."""
    if isinstance(value, torch.Tensor | np.ndarray):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from tensors_in(part)
    elif isinstance(value, list | tuple | set | frozenset):
        for part in value:
            yield from tensors_in(part)


def stored_numbers(net: nn.Module) -> int:
    """How many numbers a network keeps: parameters, buffers, and what other attributes hold."""
    kept: dict[int, int] = {}
    for module in net.modules():
        for tensor in tensors_in(vars(module)):  # parameters and buffers are among them
            kept[id(tensor)] = math.prod(tensor.shape)
    return sum(kept.values())

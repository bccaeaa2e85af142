"""Comparing an answer with what is wanted, whatever it was computed with.

A right answer stays right in float64 instead of float32, as an array or as a list of numbers, with
or without a record for autograd, on the CPU or on a GPU. A check that cares for the dtype says so
with a `require` of its own.
"""

import math
from collections.abc import Callable
from typing import Any

import torch

from .registry import Wrong, require


def values(found: Any) -> torch.Tensor:
    """The numbers of an answer, as a float64 tensor on the CPU without a record.

    Args:
        found: a tensor, an array, a number, or a list or tuple of these, of one shape.

    Raises Wrong, which the reader sees as a hint, when there are no such numbers.
    """
    if isinstance(found, list | tuple):
        parts = [values(part) for part in found]
        require(len({part.shape for part in parts}) <= 1, "parts of your result differ in shape")
        return torch.stack(parts) if parts else torch.zeros(0, dtype=torch.float64)
    try:
        return torch.as_tensor(found).detach().to("cpu", torch.float64)
    except (TypeError, ValueError, RuntimeError):
        raise Wrong(f"numbers are wanted, not {type(found).__name__}") from None


def number(found: Any, what: str = "your answer") -> float:
    """The one finite number of an answer, or of a part of it called `what`."""
    one = values(found)
    require(one.numel() == 1, f"{what}: one number is wanted, you gave {one.numel()}")
    require(math.isfinite(one.item()), f"{what}: a finite number is wanted")
    return one.item()


def parts(found: Any, count: int, hint: str) -> list[Any]:
    """The `count` parts of an answer, a list, tuple, tensor or array (along its first axis)."""
    if tuple(getattr(found, "shape", ()))[:1] == (count,):
        found = list(found)
    require(isinstance(found, tuple | list) and len(found) == count, hint)
    return list(found)


def agree(found: Any, wanted: Any, rtol: float = 1e-5, atol: float = 1e-8) -> bool:
    """Whether two results have one shape and nearly the same values; nothing is broadcast.

    Two values are near each other when they differ by at most atol + rtol · |wanted|; NaN is never.
    """
    have, want = values(found), values(wanted)
    return have.shape == want.shape and torch.allclose(have, want, rtol=rtol, atol=atol)


def without_autograd(answer: Callable[..., Any], *args: Any) -> Any:
    """What `answer(*args)` returns with autograd switched off.

    Raises Wrong when the answer needs autograd.
    """
    try:
        with torch.inference_mode():
            return answer(*args)
    except RuntimeError as error:
        require("grad" not in str(error), "use the equations: here autograd is switched off")
        raise

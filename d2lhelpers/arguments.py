"""Checks at the border of public helpers: each says which argument came and what was wanted."""

from collections.abc import Sequence
from numbers import Integral, Real

import torch


def require_tensors(where: str, **arguments: object) -> None:
    """Raise TypeError unless every argument is a tensor; the message begins with `where`."""
    for name, value in arguments.items():
        if not isinstance(value, torch.Tensor):
            raise TypeError(
                f"{where}: {name} must be a torch.Tensor, got {type(value).__name__}; "
                "torch.tensor(...) makes one from a list, torch.from_numpy(...) from an array"
            )


def require_count(where: str, **arguments: object) -> None:
    """Raise TypeError unless every argument is an int, ValueError unless it is at least 1."""
    for name, value in arguments.items():
        if isinstance(value, bool) or not isinstance(value, Integral):
            raise TypeError(f"{where}: {name} must be an int, got {type(value).__name__}")
        if value < 1:
            raise ValueError(f"{where}: {name} must be at least 1, got {value}")


def require_number(where: str, **arguments: object) -> None:
    """Raise TypeError unless every argument is a real number (NaN and infinity included)."""
    for name, value in arguments.items():
        if isinstance(value, bool) or not isinstance(value, Real):
            raise TypeError(f"{where}: {name} must be a number, got {type(value).__name__}")


def require_same_length(where: str, **tensors: torch.Tensor) -> int:
    """Raise ValueError unless all tensors have the same, positive first dimension.

    Returns that dimension, the number of examples.
    """
    lengths = {name: (len(tensor) if tensor.dim() else None) for name, tensor in tensors.items()}
    for name, length in lengths.items():
        if length is None:
            raise ValueError(f"{where}: {name} is a scalar; one entry an example was wanted")
        if length == 0:
            raise ValueError(f"{where}: {name} is empty; at least one example was wanted")
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise ValueError(f"{where}: as many entries in each were wanted, but {found}")
    return len(next(iter(tensors.values())))


def require_positions(where: str, name: str, positions: torch.Tensor, length: int) -> None:
    """Raise unless `positions` are row numbers, shape (n,), of tensors that have `length` rows.

    TypeError for another dtype than int32 and int64, ValueError for another shape, for none at
    all, and for a position below 0 or beyond the last row.
    """
    require_shape(where, name, positions, ("n",))
    require_same_length(where, **{name: positions})
    if positions.dtype not in (torch.int32, torch.int64):
        raise TypeError(f"{where}: {name} must hold integers, got {positions.dtype}")
    low, high = (int(bound) for bound in positions.aminmax())
    if low < 0 or high >= length:
        raise ValueError(
            f"{where}: {name} has positions {low} to {high}, there are rows 0 to {length - 1}"
        )


def require_shape(where: str, name: str, tensor: torch.Tensor, wanted: Sequence[str | int]) -> None:
    """Raise ValueError unless the tensor's shape fits, for instance ("n", 2): any n, then 2."""
    shape = tuple(tensor.shape)
    fits = len(shape) == len(wanted) and all(
        isinstance(want, str) or have == want for have, want in zip(shape, wanted, strict=True)
    )
    if not fits:
        pattern = ", ".join(str(want) for want in wanted) + ("," if len(wanted) == 1 else "")
        raise ValueError(f"{where}: {name} has shape {shape}, wanted ({pattern})")

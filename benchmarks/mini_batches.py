"""One epoch of shuffled mini-batches: the book's helpers, d2l's loader, the memory's limit."""

import sys
from collections.abc import Iterable

import torch
from d2l import torch as d2l_reference

import d2lhelpers as d2l

from .measure import Row, at_least, at_most, store, take_turns

# (examples, features, batch size, how many times faster than d2l's loader is wanted)
SIZES = ((1000, 2, 10, 10), (1000, 2, 256, None), (60_000, 784, 10, None), (60_000, 784, 256, 4))


def exhaust(batches: Iterable) -> None:
    """Read every batch and drop it."""
    for _ in batches:
        pass


def measure(n: int, d: int, batch_size: int, target: float | None) -> list[Row]:
    """The rows of one size."""
    X, y = torch.randn(n, d), torch.randn(n, 1)
    ours = d2l.load_array((X, y), batch_size)
    reference = d2l_reference.load_array((X, y), batch_size)
    kept = torch.empty_like(X)
    seconds = take_turns(
        {
            "load_array": lambda: exhaust(ours),
            "data_iter": lambda: exhaust(d2l.data_iter(batch_size, X, y)),
            "d2l load_array": lambda: exhaust(reference),
            "limit": lambda: torch.index_select(X, 0, torch.randperm(n), out=kept),
        },
        rounds=7 if n > 10_000 else 31,
    )
    peer, limit = seconds["d2l load_array"], seconds["limit"]
    size = f"{n}×{d}, batch {batch_size}"
    rows = []
    for name in ("load_array", "data_iter"):
        rows.append(
            at_least(f"{name}, {size}", seconds[name], "d2l 0.17.0 load_array", peer, target)
        )
    if n > 10_000:  # for small data the limit says nothing: the cost is that of calling functions
        kept_buffer = "one index_select of the epoch into a kept buffer"
        for name in ("load_array", "data_iter"):
            rows.append(at_most(f"{name}, {size}", seconds[name], kept_buffer, limit, 2))
    return rows


def main() -> int:
    """Measure and store; the exit status."""
    rows = [row for size in SIZES for row in measure(*size)]
    return store("mini_batches", rows, "python -m benchmarks.mini_batches")


if __name__ == "__main__":
    sys.exit(main())

"""Several processes that train one model: each takes its share of every batch.

`torchrun` starts them and tells each its number through the environment; a process started without
it is alone. The gradients are averaged by PyTorch's DistributedDataParallel, so that all copies of
the model stay equal.
"""

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import distributed


@dataclass(frozen=True)
class Processes:
    """This process among those of the job.

    Args:
        rank: its number, from 0; number 0 alone writes and prints.
        size: how many there are.
        local_rank: its number among those on the same machine.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def leads(self) -> bool:
        """Whether this is number 0."""
        return self.rank == 0

    @property
    def together(self) -> bool:
        """Whether there are others."""
        return self.size > 1

    def share(self, rows: torch.Tensor) -> torch.Tensor:
        """This process's part of a batch or of a whole split: rows rank, rank + size, …"""
        return rows[self.rank :: self.size]

    def add_up(self, values: torch.Tensor) -> torch.Tensor:
        """The sum of these values over all processes, in place."""
        if self.together:
            distributed.all_reduce(values)
        return values

    def equalize(self, tensors: Iterable[torch.Tensor]) -> None:
        """Give all processes the values of number 0, in place."""
        if self.together:
            for tensor in tensors:
                distributed.broadcast(tensor, 0)

    def gather(self, value: Any) -> list[Any]:
        """The value of each process, in the order of their numbers, in every process."""
        if not self.together:
            return [value]
        values: list[Any] = [None] * self.size
        distributed.all_gather_object(values, value)
        return values


def from_environment() -> Processes:
    """What torchrun said to this process; alone when it said nothing."""
    if "RANK" not in os.environ or "WORLD_SIZE" not in os.environ:
        return Processes()
    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    return Processes(rank, size, int(os.environ.get("LOCAL_RANK", rank)))


@contextlib.contextmanager
def joined(processes: Processes, device: torch.device) -> Iterator[None]:
    """Connect the processes for the duration of the context: nccl between GPUs, else gloo."""
    if not processes.together or distributed.is_initialized():
        yield
        return
    cuda = device.type == "cuda"
    if cuda:
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if cuda else "gloo", device_id=device if cuda else None)
    try:
        yield
    finally:
        distributed.destroy_process_group()


def is_lost_connection(error: RuntimeError) -> bool:
    """Whether this says that another process of the job is gone."""
    lost = ("gloo", "NCCL", "Connection closed", "Connection reset", "Broken pipe")
    return distributed.is_available() and (
        isinstance(error, distributed.DistError) or any(word in str(error) for word in lost)
    )

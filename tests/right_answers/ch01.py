"""Right answers to the exercises of chapter 01, other than the solutions; each must be accepted."""

import numpy as np
import torch
from torch import nn


def brightened_by_numpy(picture, amount):
    wide = picture.numpy().astype(np.int64) + amount
    return torch.from_numpy(np.clip(wide, 0, 255).astype(np.uint8))


def brightened_by_where(picture, amount):
    wide = picture.to(torch.int16) + amount
    wide = torch.where(wide > 255, 255, wide)
    return torch.where(wide < 0, 0, wide).byte()


def ones_assigned(X):
    n, d = X.shape
    found = torch.ones(n, d + 1, dtype=X.dtype, device=X.device)
    found[:, :d] = X
    return found


class ListsAndPlaces:
    """Shape and stride as lists; contiguous is what reads its places one after the other."""

    def __init__(self, memory, shape, stride, offset=0):
        self.memory, self.offset = memory, offset
        self.shape, self.stride = list(shape), list(stride)

    def transpose(self, a, b):
        axes = list(range(len(self.shape)))
        axes[a], axes[b] = b, a
        shape, stride = [self.shape[i] for i in axes], [self.stride[i] for i in axes]
        return ListsAndPlaces(self.memory, shape, stride, self.offset)

    def select(self, axis, index):
        found = ListsAndPlaces(self.memory, self.shape, self.stride, self.offset)
        del found.shape[axis]
        found.offset += index * found.stride.pop(axis)
        return found

    def places(self):
        found = [self.offset]
        for size, stride in zip(self.shape, self.stride, strict=True):
            found = [place + i * stride for place in found for i in range(size)]
        return found

    def is_contiguous(self):
        places = self.places()
        return places == list(range(self.offset, self.offset + len(places)))

    def tolist(self):
        found = [self.memory[place] for place in self.places()]
        for size in self.shape[:0:-1]:
            found = [found[i : i + size] for i in range(0, len(found), size)]
        return found if self.shape else found[0]


class WithProperties:
    """The offset alone is stored; shape and stride come in pairs."""

    def __init__(self, memory, shape, stride, offset=0):
        self.memory, self.offset = memory, offset
        self.axes = tuple(zip(shape, stride, strict=True))

    @property
    def shape(self):
        return tuple(size for size, _ in self.axes)

    @property
    def stride(self):
        return tuple(step for _, step in self.axes)

    def transpose(self, a, b):
        axes = list(self.axes)
        axes[a], axes[b] = axes[b], axes[a]
        return WithProperties(self.memory, *zip(*axes, strict=True), self.offset)

    def select(self, axis, index):
        kept = [pair for i, pair in enumerate(self.axes) if i != axis]
        shape, stride = [size for size, _ in kept], [step for _, step in kept]
        return WithProperties(self.memory, shape, stride, self.offset + index * self.stride[axis])

    def is_contiguous(self):
        steps = [step for size, step in self.axes if size != 1]
        sizes = [size for size in self.shape if size != 1]
        return all(step == int(np.prod(sizes[i + 1 :])) for i, step in enumerate(steps))

    def tolist(self):
        if not self.axes:
            return self.memory[self.offset]
        return [self.select(0, i).tolist() for i in range(self.shape[0])]


RIGHT = {
    "01.1": [
        ([3, 4], [2, 1, 4], [4, 3, 2], [2, 6, 4], [2, 2, 3, 4], 48),
        (*(torch.Size(s) for s in ((3, 4), (2, 1, 4), (4, 3, 2), (2, 6, 4), (2, 2, 3, 4))), 48),
    ],
    "01.2": [
        [-4.0, -3.0, 4.0, 16_777_216.0, [2, 5], torch.double, False],
        (
            torch.tensor(-7) // 2,
            torch.tensor(-3.5).int(),
            torch.tensor([250], dtype=torch.uint8) + 10,
            torch.tensor(16_777_217).float(),
            torch.normal(0.0, torch.ones(2, 5)).shape,
            torch.tensor(np.array([1.5])).dtype,
            False,
        ),
    ],
    "01.3": [
        lambda a, b: a.storage().data_ptr() == b.storage().data_ptr(),
        lambda a, b: (
            a.data_ptr() - a.storage_offset() * a.element_size()
            == b.data_ptr() - b.storage_offset() * b.element_size()
        ),
    ],
    "01.4": [
        brightened_by_numpy,
        brightened_by_where,
        lambda picture, amount: (picture.float() + amount).clip(0, 255).byte(),
        lambda picture, amount: torch.clamp(picture.long() + amount, 0, 255).type(picture.dtype),
    ],
    "01.5": [
        ones_assigned,
        lambda X: nn.functional.pad(X, (0, 1), value=1),
        lambda X: torch.hstack([X, X.new_ones(len(X), 1)]),
        lambda X: torch.cat([X, torch.ones_like(X[:, :1])], dim=-1),
        lambda X: torch.cat([X.T, X.new_ones(1, X.shape[0])]).T,
    ],
    "01.6": [ListsAndPlaces, WithProperties],
}

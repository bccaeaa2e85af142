"""Training runs of a fraction of a second, for the tests of the trainer."""

from typing import Any

import torch
from torch import nn

from d2lhelpers import load_digits
from d2lhelpers.data import ImageDataset, Split
from d2lhelpers.train import Augmentation, Config


def tiny(*, validation: int = 40) -> ImageDataset:
    """A hundred digits to learn from, as many to validate with as asked, and 50 to test with."""
    digits = load_digits()
    held_out = Split(digits.validation.images[:validation], digits.validation.labels[:validation])
    train, test = (
        Split(split.images[:count].clone(), split.labels[:count].clone())
        for split, count in ((digits.train, 100), (digits.test, 50))
    )
    return ImageDataset("tiny digits", digits.classes, train, held_out, test, "a test")


def net(shape: tuple[int, int, int], num_classes: int) -> nn.Module:
    """A convolution, dropout and two layers, without batch normalization."""
    return nn.Sequential(
        *(nn.Conv2d(shape[0], 4, 3), nn.ReLU(), nn.Flatten(), nn.Dropout(0.2)),
        nn.Linear(4 * (shape[1] - 2) * (shape[2] - 2), num_classes),
    )


def still(shape: tuple[int, int, int], num_classes: int) -> nn.Module:
    """As `net`, but nothing in it is left to chance: every process computes the same."""
    layers = list(net(shape, num_classes))  # type: ignore[call-overload]
    return nn.Sequential(*(layer for layer in layers if not isinstance(layer, nn.Dropout)))


# The trainer imports both from here, in other processes as well.
NET, STILL = f"{__name__}:net", f"{__name__}:still"


def config(**settings: Any) -> Config:
    """Three epochs of five steps."""
    given = {"model": NET, "data": "tiny", "epochs": 3, "batch_size": 20, "lr": 0.05}
    return Config(**(given | settings))


ALL_CHANGES = Augmentation(shift=1, rotate=10, scale=0.1, shear=5, elastic=0.3, flip=True, cutout=2)


def same(first: object, second: object) -> bool:
    """Whether two nested structures of tensors and plain values are equal bit by bit."""
    if isinstance(first, torch.Tensor):
        return isinstance(second, torch.Tensor) and torch.equal(first, second)
    if isinstance(first, dict):
        return (
            isinstance(second, dict)
            and first.keys() == second.keys()
            and all(same(first[name], second[name]) for name in first)
        )
    if isinstance(first, list | tuple):
        return (
            isinstance(second, list | tuple)
            and len(first) == len(second)
            and all(map(same, first, second))
        )
    return first == second

"""Runs with a name: `python -m d2lhelpers.train --recipe mnist-conv2`."""

from typing import Any

from .config import Augmentation, Config


def _rung(model: str, lr: float, epochs: int = 12, **settings: Any) -> Config:
    """A rung of chapter 24's ladder: what all have in common, and what makes it differ."""
    return Config(
        model=model,
        data="mnist",
        epochs=epochs,
        batch_size=128,
        optimizer="adamw",
        lr=lr,
        weight_decay=0.1,
        warmup=0.25,
        ema=0.995,
        precision="auto",
        channels_last=True,
        **settings,
    )


def _compact(epochs: int, augment: Augmentation) -> Config:
    """A small network on all 60,000 images, whose last epoch is kept."""
    return Config(
        model="compact",
        data="mnist",
        validation=0,
        epochs=epochs,
        batch_size=128,
        warmup=0.25,
        label_smoothing=0.05,
        ema=0.998,
        precision="auto",
        channels_last=True,
        augment=augment,
    )


RECIPES: dict[str, Config] = {
    # The ladder of chapter 24, a new idea on each rung; benchmarks/mnist_ladder.py climbs it.
    "mnist-mlp": _rung("mlp", 0.01, epochs=20),
    "mnist-conv1": _rung("conv1", 0.02),
    "mnist-conv2": _rung("conv2", 0.02),
    "mnist-relu": _rung("conv2-relu", 0.003),
    "mnist-shifts": _rung("conv2-relu", 0.003, augment=Augmentation(shift=1)),
    "mnist-fc2": _rung("conv2-fc2", 0.003, augment=Augmentation(shift=1)),
    "mnist-dropout": _rung("conv2-dropout", 0.002, augment=Augmentation(shift=1)),
    # Beyond the ladder; benchmarks/mnist_beyond.py runs these. All 60,000 images, the last epoch.
    "mnist-seconds": Config(
        model="quick",
        data="mnist",
        validation=0,
        epochs=1,
        optimizer="adamw",
        lr=0.01,
        weight_decay=0.05,
        warmup=0.25,
        precision="auto",
        channels_last=True,
    ),
    "mnist-minutes": _compact(7, Augmentation(shift=1, rotate=10, scale=0.1, shear=5)),
    "mnist-best": _compact(24, Augmentation(shift=2, rotate=12, scale=0.12, shear=8)),
    # PyTorch's tutorial on CIFAR-10: about 55% after two epochs.
    "lenet-cifar10": Config(
        model="lenet",
        data="cifar10",
        epochs=2,
        batch_size=4,
        lr=0.001,
        nesterov=False,
        weight_decay=0.0,
        schedule="constant",
    ),
}

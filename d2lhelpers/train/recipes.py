"""Runs with a name: `python -m d2lhelpers.train --recipe mnist-conv2`."""

from typing import Any

from .config import Augmentation, Config


def _rung(model: str, lr: float, epochs: int = 12, **settings: Any) -> Config:
    """A rung of chapter 24's ladder: what all have in common, and what makes it differ."""
    common: dict[str, Any] = {
        "batch_size": 128,
        "optimizer": "adamw",
        "weight_decay": 0.1,
        "warmup": 0.25,
        "ema": 0.995,
        "precision": "auto",
        "channels_last": True,
    }
    return Config(model=model, data="mnist", epochs=epochs, lr=lr, **common | settings)


def _beyond(model: str, epochs: int, augment: Augmentation, **settings: Any) -> Config:
    """A small network on all 60,000 images, whose last epoch is kept."""
    return Config(
        model=model,
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
        **settings,
    )


def _color(model: str, lr: float, epochs: int, **settings: Any) -> Config:
    """A network for CIFAR-10 that is trained for minutes."""
    return Config(
        model=model,
        data="cifar10",
        epochs=epochs,
        batch_size=128,
        lr=lr,
        warmup=0.25,
        ema=0.995,
        precision="auto",
        channels_last=True,
        **settings,
    )


RECIPES: dict[str, Config] = {
    # The ladder of chapter 24, a new idea on each rung; benchmarks/mnist_ladder.py climbs it.
    "mnist-mlp": _rung("mlp", 0.006, epochs=30),
    "mnist-conv1": _rung("conv1", 0.02),
    "mnist-conv2": _rung("conv2", 0.02),
    "mnist-relu": _rung("conv2-relu", 0.003),
    "mnist-shifts": _rung("conv2-relu", 0.003, augment=Augmentation(shift=1)),
    "mnist-fc2": _rung("conv2-fc2", 0.003, augment=Augmentation(shift=1)),
    "mnist-dropout": _rung(
        "conv2-dropout",
        0.05,
        epochs=20,
        optimizer="sgd",
        weight_decay=5e-4,
        ema=0.998,
        augment=Augmentation(shift=1),
    ),
    # Beyond the ladder: all 60,000 images, the last epoch; benchmarks/mnist_beyond.py runs these.
    "mnist-seconds": Config(
        model="quick",
        data="mnist",
        validation=0,
        epochs=1,
        batch_size=128,
        optimizer="adamw",
        lr=0.02,
        weight_decay=0.05,
        warmup=0.25,
        precision="auto",
        channels_last=True,
    ),
    "mnist-minutes": _beyond(
        "compact",
        9,
        Augmentation(shift=1, rotate=10, scale=0.1, shear=5),
        optimizer="adamw",
        lr=0.01,
        weight_decay=0.05,
    ),
    "mnist-best": _beyond("medium", 24, Augmentation(shift=2, rotate=12, scale=0.12, shear=8)),
    # Chapter 25; benchmarks/cifar10.py runs these. PyTorch's tutorial: about 55% after two epochs.
    "cifar10-tutorial": Config(
        model="lenet",
        data="cifar10",
        validation=0,
        epochs=2,
        batch_size=4,
        lr=0.001,
        nesterov=False,
        weight_decay=0.0,
        schedule="constant",
    ),
    "cifar10-lenet": _color("lenet", 0.05, epochs=24, augment=Augmentation(flip=True, shift=2)),
    "cifar10-minutes": _color(
        "resnet8",
        0.1,
        epochs=20,
        label_smoothing=0.05,
        augment=Augmentation(flip=True, shift=3),
    ),
}

"""Runs with a name: `python -m d2lhelpers.train --recipe lenet-cifar10`."""

from .config import Config

RECIPES: dict[str, Config] = {
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

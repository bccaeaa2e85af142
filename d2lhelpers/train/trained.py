"""A trained model together with what it needs to be used: normalization and names of classes."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..arguments import require_shape, require_tensors
from . import checkpoint
from .checkpoint import CheckpointError
from .models import Shape, build_model, require_trusted

KIND = "trained model"


@dataclass(frozen=True)
class Trained:
    """A model in evaluation mode.

    Args:
        model: turns normalized images, shape (n, C, H, W), into logits.
        name: what the trainer builds it by.
        shape: (C, H, W) of an image.
        classes: their names, in the order of the logits.
        mean, std: of the training images by channel, of pixels scaled to [0, 1].
    """

    model: nn.Module
    name: str
    shape: Shape
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @torch.no_grad()
    def logits(self, images: torch.Tensor, batch_size: int = 1000) -> torch.Tensor:
        """The logits of images as the loaders return them.

        Args:
            images: uint8, shape (n, C, H, W).
            batch_size: how many are computed at once.

        Returns:
            float32, shape (n, classes), on the model's device.

        Raises:
            TypeError, ValueError: when these are no such images.
        """
        require_tensors("Trained.logits", images=images)
        require_shape("Trained.logits", "images", images, ("n", *self.shape))
        if images.dtype != torch.uint8:
            raise TypeError(f"Trained.logits: images must be uint8, got {images.dtype}")
        device = next(self.model.parameters()).device
        mean, std = (torch.tensor(v, device=device)[:, None, None] for v in (self.mean, self.std))
        found = [
            self.model((part.to(device).float() / 255 - mean) / std).float()
            for part in images.split(batch_size)
        ]
        return torch.cat(found) if found else torch.zeros(0, len(self.classes), device=device)

    def predict(self, images: torch.Tensor) -> torch.Tensor:
        """The class of each image, int64, shape (n,)."""
        return self.logits(images).argmax(1)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to a file for `load`."""
        contents: dict[str, Any] = {
            "name": self.name,
            "shape": list(self.shape),
            "classes": list(self.classes),
            "mean": list(self.mean),
            "std": list(self.std),
            "model": self.model.state_dict(),
        }
        checkpoint.save(Path(path), KIND, contents)


def load(
    path: str | os.PathLike[str], device: str | torch.device = "cpu", *, model: str | None = None
) -> Trained:
    """Read a model that a run kept: its folder, or the file `best.pt` in it.

    Nothing in the file is run, and nothing that it names is imported.

    Args:
        path: the file or the folder.
        device: where the model goes.
        model: the name of the model, to be given where it is one of your own,
            `package.module:function`: that is imported, and must be what the file says.

    Raises:
        FileNotFoundError: when there is no such file.
        CheckpointError: when it is damaged, holds other objects, or does not fit the model.
    """
    path = Path(path)
    path = path / "best.pt" if path.is_dir() else path
    record = checkpoint.load(path, KIND)
    try:
        name, shape = require_trusted(str(record["name"]), model), tuple(record["shape"])
        if len(shape) != 3 or not all(type(n) is int and n > 0 for n in shape):
            raise ValueError(f"shape must be three positive numbers, got {shape}")
        net = build_model(name, shape, len(record["classes"]))
        net.load_state_dict(record["model"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path} does not fit its model: {error}") from None
    return Trained(
        net.to(device).eval(),
        name,
        shape,
        tuple(record["classes"]),
        tuple(record["mean"]),
        tuple(record["std"]),
    )

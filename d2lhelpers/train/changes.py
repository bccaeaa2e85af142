"""Augmentation whose numbers are drawn for a whole epoch at once.

What happens to an image then depends on the seed, the epoch and the image alone: neither the size
of the batches nor the number of processes that share them changes it.
"""

import math
from dataclasses import dataclass

import torch

from ..data.geometry import cover, mirror, warp, windows_at
from .config import Augmentation

ELASTIC_GRID = (5, 5)


@dataclass(frozen=True)
class Changes:
    """What happens to each of n images in an epoch; None where nothing does.

    Args:
        shift: int64, shape (n, 2), pixels downward and to the right.
        matrices: float32, shape (n, 2, 3), as `warp` takes them; with it, shift is part of it.
        field: float32, shape (n, 2, 5, 5), as `warp` takes it; matrices go with it.
        flip: bool, shape (n,).
        center: int64, shape (n, 2), row and column of the covered square.
    """

    settings: Augmentation
    shift: torch.Tensor | None = None
    matrices: torch.Tensor | None = None
    field: torch.Tensor | None = None
    flip: torch.Tensor | None = None
    center: torch.Tensor | None = None

    def apply(
        self, images: torch.Tensor, rows: torch.Tensor, mean: torch.Tensor, std: torch.Tensor
    ) -> torch.Tensor:
        """Scale bytes to [0, 1], change them, and normalize them by channel.

        Args:
            images: uint8, shape (batch, C, H, W).
            rows: int64, shape (batch,), which images of the epoch these are.
            mean, std: shape (C, 1, 1).

        Returns:
            float32, shape (batch, C, H, W), on the images' device.
        """
        if self.shift is not None:
            most = self.settings.shift
            size = (images.shape[2], images.shape[3])
            images = torch.nn.functional.pad(images, [most] * 4)
            top, left = (most - self.shift[rows]).unbind(1)
            images = windows_at(images, top, left, size)
        if self.flip is not None:
            images = mirror(images, self.flip[rows])
        scaled = images.float() / 255
        if self.matrices is not None:
            field = None if self.field is None else self.field[rows]
            scaled = warp(scaled, self.matrices[rows], field=field)
        normalized = (scaled - mean) / std
        if self.center is not None:
            normalized = cover(normalized, self.center[rows], self.settings.cutout)
        return normalized


def draw_changes(
    settings: Augmentation,
    count: int,
    size: tuple[int, int],
    generator: torch.Generator,
    device: torch.device,
) -> Changes:
    """Draw the changes of `count` images of `size` pixels, on the CPU, and move them to the device.

    A setting that is switched off draws no numbers.
    """

    def evenly(most: float) -> torch.Tensor:
        return (2 * torch.rand(count, generator=generator) - 1) * most

    drawn: dict[str, torch.Tensor] = {}
    if settings.shift:
        span = (-settings.shift, settings.shift + 1)
        drawn["shift"] = torch.randint(*span, (count, 2), generator=generator)
    if settings.rotate or settings.scale or settings.shear or settings.elastic:
        angle = evenly(math.radians(settings.rotate)) if settings.rotate else torch.zeros(count)
        factor = 1 + evenly(settings.scale) if settings.scale else torch.ones(count)
        slant = evenly(math.radians(settings.shear)) if settings.shear else torch.zeros(count)
        drawn["matrices"] = inverse_matrices(angle, factor, slant.tan(), drawn.pop("shift", None))
    if settings.elastic:
        noise = torch.randn(count, 2, *ELASTIC_GRID, generator=generator)
        drawn["field"] = settings.elastic * noise
    if settings.flip:
        drawn["flip"] = torch.rand(count, generator=generator) < 0.5
    if settings.cutout:
        drawn["center"] = torch.stack(
            [torch.randint(length, (count,), generator=generator) for length in size], 1
        )
    return Changes(settings, **{name: values.to(device) for name, values in drawn.items()})


def inverse_matrices(
    angle: torch.Tensor, factor: torch.Tensor, slant: torch.Tensor, shift: torch.Tensor | None
) -> torch.Tensor:
    """Where the pixels of images come from that are slanted, turned, scaled and then shifted.

    Args:
        angle: in radians, counterclockwise as seen, shape (n,).
        factor: above 1 enlarges, shape (n,).
        slant: pixels to the right for each pixel upward, shape (n,).
        shift: int64, shape (n, 2), downward and to the right; None for none.

    Returns:
        float32, shape (n, 2, 3): (x, y, 1) of the new image, y downward, to (x, y) of the old.
    """
    cos, sin = angle.cos() / factor, angle.sin() / factor
    # y points down, so that the inverse of a counterclockwise turn is [[cos, −sin], [sin, cos]].
    turn = torch.stack([torch.stack([cos, -sin], 1), torch.stack([sin, cos], 1)], 1)  # (n, 2, 2)
    upright = torch.eye(2).repeat(len(angle), 1, 1)
    upright[:, 0, 1] = slant
    linear = upright @ turn
    offset = torch.zeros(len(angle), 2, 1)
    if shift is not None:
        offset = -linear @ shift.flip(1).float()[:, :, None]  # columns first: x, then y
    return torch.cat([linear, offset], 2)

"""Random changes of images, a whole batch at once: for `Batches(augment=...)` and by hand.

Every function takes images of shape (n, C, H, W), uint8 or floating, on any device, and returns new
ones of the same dtype. Each image is changed by its own random numbers, which are drawn on the
CPU, so that a generator gives the same result on every device. A shift by up to p pixels is
`random_crop(images, padding=p)`.
"""

import math
from typing import Any

import torch
from torch.nn import functional

from ..arguments import require_count, require_number, require_shape, require_tensors
from .geometry import cover, mirror, warp, windows_at

__all__ = ["cutout", "random_crop", "random_flip", "random_rotation"]


def random_crop(
    images: torch.Tensor,
    size: int | tuple[int, int] | None = None,
    *,
    padding: int = 0,
    fill: float = 0,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Cut a window out of each image, anywhere with equal chance, after padding all four sides.

    Args:
        images: shape (n, C, H, W).
        size: height and width of the window, or one number for both; by default (H, W), which
            makes it a random shift.
        padding: pixels added on each side, at least 0.
        fill: their value.
        generator: for the CPU; by default PyTorch's global one.

    Returns:
        Shape (n, C, height, width).

    Raises:
        TypeError, ValueError: when an argument is wrong, or the window does not fit.
    """
    _require("random_crop", images, generator, fill)
    if padding != 0:
        require_count("random_crop", padding=padding)
    if size is None:
        size = (images.shape[2], images.shape[3])
    height, width = _pair("random_crop", "size", size) if isinstance(size, tuple) else (size, size)
    require_count("random_crop", height=height, width=width)
    free = [images.shape[2] + 2 * padding - height, images.shape[3] + 2 * padding - width]
    if min(free) < 0:
        raise ValueError(
            f"random_crop: a window of {height}×{width} does not fit in images of "
            f"{images.shape[2]}×{images.shape[3]} with a padding of {padding}"
        )
    n = len(images)
    top, left = (
        torch.randint(0, most + 1, (n,), generator=generator, device="cpu").to(images.device)
        for most in free
    )
    if padding:
        images = functional.pad(images, [padding] * 4, value=fill)
    return windows_at(images, top, left, (height, width))


def random_flip(
    images: torch.Tensor, p: float = 0.5, *, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Mirror each image left to right with probability p.

    Args:
        images: shape (n, C, H, W).
        p: 0 to 1.
        generator: for the CPU; by default PyTorch's global one.

    Returns:
        Shape (n, C, H, W).

    Raises:
        TypeError, ValueError: when an argument is wrong.
    """
    _require("random_flip", images, generator)
    require_number("random_flip", p=p)
    if not 0 <= p <= 1:
        raise ValueError(f"random_flip: p must be between 0 and 1, got {p}")
    chosen = torch.rand(len(images), generator=generator, device="cpu") < p
    return mirror(images, chosen.to(images.device))


def random_rotation(
    images: torch.Tensor,
    degrees: float | tuple[float, float],
    *,
    fill: float = 0,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Turn each image about its center by an angle drawn evenly, interpolating bilinearly.

    Args:
        images: shape (n, C, H, W).
        degrees: the largest angle to either side, or (smallest, largest); positive angles turn
            counterclockwise.
        fill: the value of what comes in from outside, finite.
        generator: for the CPU; by default PyTorch's global one.

    Returns:
        Shape (n, C, H, W); uint8 images are rounded.

    Raises:
        TypeError, ValueError: when an argument is wrong.
    """
    _require("random_rotation", images, generator, fill)
    # Subtracted and added again below, infinity would make NaN of every pixel.
    if images.is_floating_point() and not abs(fill) <= torch.finfo(images.dtype).max:
        raise ValueError(f"random_rotation: fill must be finite in {images.dtype}, got {fill}")
    if not isinstance(degrees, tuple):
        require_number("random_rotation", degrees=degrees)
        degrees = (-degrees, degrees)
    low, high = _pair("random_rotation", "degrees", degrees)
    require_number("random_rotation", smallest_angle=low, largest_angle=high)
    if not -math.inf < low <= high < math.inf:
        raise ValueError(f"random_rotation: angles from {low} to {high} make no range")
    if not images.numel():
        return images.clone()
    share = torch.rand(len(images), generator=generator, dtype=torch.float64, device="cpu")
    dtype = images.dtype if images.dtype in (torch.float32, torch.float64) else torch.float32
    angle = torch.deg2rad(low + (high - low) * share).to(images.device, dtype)
    matrices = torch.zeros(len(images), 2, 3, dtype=dtype, device=images.device)
    matrices[:, 0, 0] = matrices[:, 1, 1] = angle.cos()
    matrices[:, 0, 1], matrices[:, 1, 0] = -angle.sin(), angle.sin()
    turned = warp(images.to(dtype), matrices, fill)
    return (turned.round_() if images.dtype == torch.uint8 else turned).to(images.dtype)


def cutout(
    images: torch.Tensor,
    size: int,
    *,
    fill: float = 0,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Cover a square in each image; its center is any pixel, so it may stand over the border.

    Args:
        images: shape (n, C, H, W).
        size: side of the square in pixels, at least 1.
        fill: the value it is filled with.
        generator: for the CPU; by default PyTorch's global one.

    Returns:
        Shape (n, C, H, W).

    Raises:
        TypeError, ValueError: when an argument is wrong.

    Source: DeVries and Taylor, Improved Regularization of Convolutional Neural Networks with
    Cutout, 2017.
    """
    _require("cutout", images, generator, fill)
    require_count("cutout", size=size)
    center = torch.stack(
        [
            torch.randint(0, length, (len(images),), generator=generator, device="cpu")
            for length in images.shape[2:]
        ],
        1,
    )
    return cover(images, center.to(images.device), size, fill)


def _pair(where: str, name: str, values: tuple[Any, ...]) -> tuple[Any, Any]:
    """Both values; ValueError unless there are two."""
    if len(values) != 2:
        raise ValueError(f"{where}: {name} must be one number or two, got {values}")
    return values[0], values[1]


def _require(
    where: str, images: torch.Tensor, generator: torch.Generator | None, fill: float = 0
) -> None:
    """Raise TypeError or ValueError unless these are images, a generator for the CPU, a value."""
    require_tensors(where, images=images)
    require_shape(where, "images", images, ("n", "C", "H", "W"))
    if images.dtype != torch.uint8 and not images.is_floating_point():
        raise TypeError(f"{where}: images must be uint8 or floating point, got {images.dtype}")
    require_cpu_generator(where, generator)
    require_number(where, fill=fill)
    if images.dtype == torch.uint8 and not (0 <= fill <= 255 and fill == int(fill)):
        raise ValueError(f"{where}: fill must be a whole number from 0 to 255, got {fill}")


def require_cpu_generator(where: str, generator: torch.Generator | None) -> None:
    """Raise TypeError unless it is None or a generator, ValueError unless it is for the CPU."""
    if generator is None:
        return
    if not isinstance(generator, torch.Generator):
        raise TypeError(
            f"{where}: generator must be a torch.Generator, got {type(generator).__name__}"
        )
    if generator.device.type != "cpu":
        raise ValueError(
            f"{where}: generator must be for the CPU, got one for {generator.device.type}; numbers "
            "drawn on the CPU are the same on every device"
        )

"""Changes of images that leave nothing to chance: a whole batch, each image by its own numbers.

`augment` draws these numbers a batch at a time, the trainer an epoch at a time. Images have the
shape (n, C, H, W); the numbers have n rows and lie on the images' device.
"""

import torch
from torch.nn import functional

__all__ = ["cover", "mirror", "warp", "windows_at"]


def windows_at(
    images: torch.Tensor, top: torch.Tensor, left: torch.Tensor, size: tuple[int, int]
) -> torch.Tensor:
    """Cut one window out of each image.

    Args:
        images: shape (n, C, H, W).
        top, left: int64, shape (n,), the window's first row and column.
        size: height and width of the window.

    Returns:
        Shape (n, C, height, width).
    """
    # (n, C, tops, lefts, height, width), without a copy
    windows = images.unfold(2, size[0], 1).unfold(3, size[1], 1)
    return windows[torch.arange(len(images), device=images.device), :, top, left]


def mirror(images: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    """Exchange left and right in the images that are chosen.

    Args:
        images: shape (n, C, H, W).
        chosen: bool, shape (n,).

    Returns:
        Shape (n, C, H, W).
    """
    forward = torch.arange(images.shape[3], device=images.device)
    columns = torch.where(chosen[:, None], forward.flip(0), forward)  # (n, W)
    return images.gather(3, columns[:, None, None].expand(images.shape))


def warp(
    images: torch.Tensor,
    matrices: torch.Tensor,
    fill: float = 0.0,
    *,
    field: torch.Tensor | None = None,
) -> torch.Tensor:
    """Take each pixel from another place, interpolating bilinearly.

    Args:
        images: shape (n, C, H, W), float32 or float64.
        matrices: of the images' dtype, shape (n, 2, 3): pixel (x, y), counted from the center, y
            downward, comes from matrix @ (x, y, 1).
        fill: the finite value of what comes in from outside.
        field: of the images' dtype, shape (n, 2, rows, columns): how many pixels further right and
            further down it comes from, at points spread evenly from corner to corner; between them
            the values change smoothly (bicubic interpolation).

    Returns:
        Shape (n, C, H, W).
    """
    height, width = images.shape[2:]
    x = torch.arange(width, dtype=images.dtype, device=images.device) - (width - 1) / 2  # (W,)
    y = torch.arange(height, dtype=images.dtype, device=images.device)[:, None] - (height - 1) / 2
    # grid_sample counts in half widths and half heights. (affine_grid does the same, ten times
    # slower on a CPU.)
    half_sizes = torch.tensor([[2 / width], [2 / height]], dtype=images.dtype, device=images.device)
    m = (matrices * half_sizes)[:, :, :, None, None]  # (n, 2, 3, 1, 1)
    places = [m[:, i, 0] * x + m[:, i, 1] * y + m[:, i, 2] for i in (0, 1)]  # 2 × (n, H, W)
    if field is not None:
        smooth = functional.interpolate(
            field * half_sizes[:, :, None], (height, width), mode="bicubic", align_corners=True
        )
        places = [place + smooth[:, i] for i, place in enumerate(places)]
    grid = torch.stack(places, 3)
    # Outside is 0 for grid_sample: with the fill subtracted that is the fill.
    shifted = images - fill if fill else images
    warped = functional.grid_sample(shifted, grid, align_corners=False)
    return warped + fill if fill else warped


def cover(images: torch.Tensor, center: torch.Tensor, size: int, fill: float = 0.0) -> torch.Tensor:
    """Put a square over each image; it may stand over the border.

    Args:
        images: shape (n, C, H, W).
        center: int64, shape (n, 2), row and column.
        size: side of the square in pixels, at least 1.
        fill: the value of the square.

    Returns:
        Shape (n, C, H, W).
    """
    inside = []
    for axis in (0, 1):
        pixels = torch.arange(images.shape[2 + axis], device=images.device)
        offset = pixels - (center[:, axis, None] - size // 2)  # (n, length)
        inside.append((offset >= 0) & (offset < size))
    rows, columns = inside
    return images.masked_fill(rows[:, None, :, None] & columns[:, None, None, :], fill)

"""Batches of tensors that fit in memory: shuffled, augmented and scaled on the way."""

from collections.abc import Callable, Iterator, Sequence

import torch

from ..arguments import require_count, require_same_length, require_tensors
from ..linear_regression import take_batches
from .augment import require_cpu_generator
from .dataset import Split

PIECE = 2**20  # bytes worked on at once, as float32: what stays in a core's cache

Augment = Callable[..., torch.Tensor]


class Batches:
    """Batches of a split or of tensors of equal length; each loop over it is one epoch.

    The rows are gathered as `load_array` gathers them, by `take_batches`, about 1 MB at a time.
    What is new here: a device, a generator, `drop_last`, augmentation, and images that are stored
    as bytes (a quarter of the memory) and become numbers only in the batch.

    Args:
        data: a `Split`, or a tuple or list of tensors of shapes (n, ...), the images first.
        batch_size: examples in a batch, at least 1.
        shuffle: whether each epoch draws a new order.
        generator: for the CPU; the order and the augmentation are drawn from it. Seeded alike, it
            gives the same batches on every device and in every dtype. By default PyTorch's global
            one.
        device: where the batches are; all tensors move there once, now. By default they stay.
        drop_last: whether to leave out a last batch that is shorter.
        augment: a function or several, applied in turn: `augment(images, generator=generator)`
            returns as many images. It is given the images as stored, of one or more whole
            batches at once. Those of `d2lhelpers.data.augment` fit, with `functools.partial` for
            their settings.
        dtype: the floating dtype of the batch's images; uint8 images are divided by 255. None
            leaves them as they are stored (as must be, where the first tensor holds integers).
        mean: subtracted from the images, one number or one for each channel, in the units of the
            batch: 0 to 1 where the images were uint8.
        std: what they are then divided by, alike. Both or none.

    Yields:
        Tuples (images, labels, ...) of shapes (batch, ...): new memory that may be changed freely.
        A batch that is kept may keep about 1 MB of its neighbors in memory, 2 MB in float64.

    Raises:
        TypeError, ValueError: when an argument is wrong; while looping, when `augment` returns no
            tensor or another number of images.
    """

    def __init__(
        self,
        data: Split | Sequence[torch.Tensor],
        batch_size: int,
        *,
        shuffle: bool = False,
        generator: torch.Generator | None = None,
        device: str | torch.device | None = None,
        drop_last: bool = False,
        augment: Augment | Sequence[Augment] = (),
        dtype: torch.dtype | None = torch.float32,
        mean: float | Sequence[float] | torch.Tensor | None = None,
        std: float | Sequence[float] | torch.Tensor | None = None,
    ) -> None:
        arrays = _tensors_of(data)
        require_count("Batches", batch_size=batch_size)
        for name, flag in (("shuffle", shuffle), ("drop_last", drop_last)):
            if not isinstance(flag, bool):
                raise TypeError(f"Batches: {name} must be a bool, got {type(flag).__name__}")
        if drop_last and len(arrays[0]) < batch_size:
            raise ValueError(
                f"Batches: drop_last leaves nothing of {len(arrays[0])} examples in batches of "
                f"{batch_size}"
            )
        require_cpu_generator("Batches", generator)
        steps = tuple(augment) if isinstance(augment, tuple | list) else (augment,)
        for step in steps:
            if not callable(step):
                raise TypeError(f"Batches: augment must be functions, got {type(step).__name__}")
        self.arrays = arrays if device is None else tuple(array.to(device) for array in arrays)
        self.batch_size, self.shuffle, self.drop_last = batch_size, shuffle, drop_last
        self.generator, self.augment = generator, steps
        self.dtype = dtype
        _require_dtype(dtype, arrays[0].dtype, normalized=mean is not None or std is not None)
        self._mean_std = _channel_values(mean, std, self.arrays[0], dtype)

    def __len__(self) -> int:
        """Count the batches of an epoch."""
        full, rest = divmod(len(self.arrays[0]), self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def __repr__(self) -> str:
        kind = "shuffled " if self.shuffle else ""
        dtype = str(self.dtype or self.arrays[0].dtype).removeprefix("torch.")
        return f"Batches({len(self):,} {kind}batches of {self.batch_size}, {dtype})"

    def __iter__(self) -> Iterator[tuple[torch.Tensor, ...]]:
        """Yield the batches of one epoch."""
        n, size = len(self.arrays[0]), self.batch_size
        if self.shuffle:
            order = torch.randperm(n, generator=self.generator, device="cpu")  # (n,)
        else:
            order = torch.arange(n, device="cpu")
        if self.drop_last:
            order = order[: n // size * size]
        as_stored = self.dtype is None or self.dtype == self.arrays[0].dtype
        if as_stored and not self.augment and self._mean_std is None:
            yield from take_batches(order, size, *self.arrays)
            return
        for images, *others in take_batches(order, self._piece(), *self.arrays):
            images = self._finished(self._augmented(images))
            yield from zip(*(part.unsafe_split(size) for part in (images, *others)), strict=True)

    def _piece(self) -> int:
        """How many rows are worked on at once: whole batches."""
        if any(array.requires_grad for array in self.arrays):
            return self.batch_size  # each batch needs a graph of its own for `backward`
        # Counted as float32 whatever the dtypes: augmentation draws once a piece, and the same seed
        # is to give the same images in every dtype.
        row = self.arrays[0][0].numel() * torch.float32.itemsize
        return self.batch_size * max(1, PIECE // max(row, 1) // self.batch_size)

    def _augmented(self, images: torch.Tensor) -> torch.Tensor:
        """The images after all steps of the augmentation."""
        for step in self.augment:
            changed = step(images, generator=self.generator)
            if not isinstance(changed, torch.Tensor):
                raise TypeError(
                    f"Batches: augment must return a torch.Tensor, got {type(changed).__name__}"
                )
            if changed.dim() == 0 or len(changed) != len(images):
                raise ValueError(
                    f"Batches: augment got {len(images)} images and returned shape "
                    f"{tuple(changed.shape)}"
                )
            images = changed
        return images

    def _finished(self, images: torch.Tensor) -> torch.Tensor:
        """The images converted, scaled and normalized."""
        if self.dtype is None:
            return images
        if self._mean_std is None:
            # A byte is exact in every floating dtype, so that half precision rounds once.
            return images.to(self.dtype).div_(255) if _is_byte(images) else images.to(self.dtype)
        mean, std = self._mean_std
        scale = 255 * std if _is_byte(images) else std
        return torch.addcmul(-mean / std, images.to(mean.dtype), 1 / scale).to(self.dtype)


def _is_byte(images: torch.Tensor) -> bool:
    return images.dtype == torch.uint8


def _tensors_of(data: Split | Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    """The tensors, checked to be at least one and of equal length."""
    if isinstance(data, Split):
        data = (data.images, data.labels)
    if not isinstance(data, tuple | list):
        raise TypeError(
            f"Batches: data must be a Split, or a tuple or list of tensors, "
            f"got {type(data).__name__}; a single tensor X is given as (X,)"
        )
    if not data:
        raise ValueError("Batches: data is empty; at least one tensor was wanted")
    named = {f"data[{i}]": tensor for i, tensor in enumerate(data)}
    require_tensors("Batches", **named)
    require_same_length("Batches", **named)
    return tuple(data)


def _require_dtype(dtype: object, stored: torch.dtype, normalized: bool) -> None:
    """Raise TypeError unless images stored so can become `dtype`."""
    if dtype is None:
        if normalized:
            raise TypeError("Batches: mean and std need a floating dtype, got dtype=None")
        return
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise TypeError(f"Batches: dtype must be a floating torch.dtype or None, got {dtype}")
    if stored != torch.uint8 and not stored.is_floating_point:
        raise TypeError(
            f"Batches: data[0] holds {stored}, which is neither bytes nor floating; "
            "dtype=None leaves it as it is"
        )


def _channel_values(
    mean: object, std: object, images: torch.Tensor, dtype: torch.dtype | None
) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Mean and std as tensors that broadcast over the images, in at least single precision."""
    if mean is None and std is None:
        return None
    if mean is None or std is None:
        raise ValueError("Batches: mean and std go together, one of them is missing")
    channels = images.shape[1] if images.dim() > 1 else 1
    exact = torch.float64 if dtype == torch.float64 else torch.float32
    found = []
    for name, value in (("mean", mean), ("std", std)):
        try:
            tensor = torch.as_tensor(value, dtype=exact, device="cpu").flatten()
        except (TypeError, ValueError, RuntimeError) as error:
            raise TypeError(f"Batches: {name} must be a number or one a channel: {error}") from None
        if len(tensor) not in (1, channels):
            raise ValueError(
                f"Batches: {name} has {len(tensor)} values for {channels} channels; "
                "one, or one for each, was wanted"
            )
        found.append(tensor.reshape(-1, *[1] * (images.dim() - 2)))
    if not bool((found[1] > 0).all()):
        raise ValueError("Batches: std must be positive")
    return found[0].to(images.device), found[1].to(images.device)

"""What the loaders return: splits of images and labels as tensors."""

from dataclasses import dataclass

import torch

from ..arguments import require_same_length, require_shape, require_tensors


@dataclass(frozen=True, eq=False, repr=False)
class Split:
    """The examples of one purpose: training, validation or test.

    Args:
        images: uint8, shape (n, C, H, W), 0 is black and 255 white.
        labels: int64, shape (n,), each the position of the class in `ImageDataset.classes`.

    Raises:
        TypeError, ValueError: when the shapes, lengths or dtypes differ from these.
    """

    images: torch.Tensor
    labels: torch.Tensor

    def __post_init__(self) -> None:
        require_tensors("Split", images=self.images, labels=self.labels)
        require_shape("Split", "images", self.images, ("n", "C", "H", "W"))
        require_shape("Split", "labels", self.labels, (len(self.images),))
        if (self.images.dtype, self.labels.dtype) != (torch.uint8, torch.int64):
            raise TypeError(
                "Split: images must be uint8 and labels int64, "
                f"got {self.images.dtype} and {self.labels.dtype}"
            )

    def __len__(self) -> int:
        """Count the examples."""
        return len(self.images)

    def __repr__(self) -> str:
        return f"Split({len(self):,} images {_size(self.images)}, labels int64)"

    def channel_statistics(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation of each channel, of pixels scaled to [0, 1].

        They are what `Batches` takes: `Batches(split, 128, mean=mean, std=std)`.

        Returns:
            (mean, std), each with C numbers. The deviation is that of the population: divided by n.

        Raises:
            ValueError: when the split is empty.
        """
        require_same_length("channel_statistics", images=self.images)
        means, deviations = [], []
        pixel = torch.arange(256, dtype=torch.float64) / 255
        for channel in self.images.unbind(1):  # (n, H, W)
            # Counting the 256 values is exact and needs no copy of the images as numbers.
            count = torch.bincount(channel.flatten(), minlength=256).cpu()
            share = count.double() / channel.numel()
            means.append(float(share @ pixel))
            deviations.append(float((share @ (pixel - means[-1]) ** 2).sqrt()))
        return tuple(means), tuple(deviations)


@dataclass(frozen=True, eq=False, repr=False)
class ImageDataset:
    """A data set in memory, in three splits.

    Args:
        name: what was loaded, for instance "MNIST" or "CIFAR-10 (JPEG)"; say it beside any result.
        classes: their names, in the order of the labels.
        train: what the parameters are learned from.
        validation: what settings are chosen by; empty where none was asked for.
        test: what the final result is measured on, once.
        source: where it came from: a folder, or "embedded in scikit-learn".
    """

    name: str
    classes: tuple[str, ...]
    train: Split
    validation: Split
    test: Split
    source: str

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape (C, H, W) of an image."""
        return tuple(self.train.images.shape[1:])

    def __repr__(self) -> str:
        # Without `source`: a stored notebook must show no path.
        sizes = f"train={len(self.train):,}, validation={len(self.validation):,}"
        return (
            f"ImageDataset({self.name!r}, images {_size(self.train.images)}, "
            f"{len(self.classes)} classes, {sizes}, test={len(self.test):,})"
        )


def _size(images: torch.Tensor) -> str:
    """For instance "1×28×28 uint8"."""
    return f"{'×'.join(map(str, images.shape[1:]))} {str(images.dtype).removeprefix('torch.')}"


def take_last(images: torch.Tensor, labels: torch.Tensor, count: int) -> tuple[Split, Split]:
    """Cut the last `count` examples off: (the rest, the last), both views of the same memory."""
    keep = len(images) - count
    return Split(images[:keep], labels[:keep]), Split(images[keep:], labels[keep:])


def take_last_of_each_class(
    images: torch.Tensor, labels: torch.Tensor, count: int
) -> tuple[Split, Split]:
    """Take `count` examples out, as evenly over the classes as can be: (the rest, those taken).

    From each class its last examples are taken; both parts keep the order of the examples.
    """
    from_end = torch.empty_like(labels)  # (n,) how many of the same class follow
    for number in labels.unique():
        members = (labels == number).nonzero().flatten()
        from_end[members] = torch.arange(len(members) - 1, -1, -1)
    taken = torch.zeros(len(labels), dtype=torch.bool)
    taken[from_end.argsort(stable=True)[:count]] = True
    return Split(images[~taken], labels[~taken]), Split(images[taken], labels[taken])

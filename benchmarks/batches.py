"""One epoch of MNIST-size batches, and loading MNIST and CIFAR-10, against the best ways known.

Loading is measured where D2L_DATA, or the folder ../shared/data beside the repository, holds the
files; torchvision is asked for the same.
"""

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import platformdirs
import torch
from torch.utils.data import DataLoader, TensorDataset

from d2lhelpers import data
from d2lhelpers.data.archives import extract

from .measure import Row, at_least, at_most, store, take_turns

N = 60_000
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def exhaust(batches: Iterable) -> None:
    """Read every batch and drop it."""
    for _ in batches:
        pass


# ---- Ways of batching ------------------------------------------------------------------------


def kept_buffers(images: torch.Tensor, labels: torch.Tensor, size: int, scale: bool) -> None:
    """`index_select` into buffers that every batch overwrites: not what a caller could keep."""
    shape = images.shape[1:]
    rows, numbers = images.new_empty(size, *shape), torch.empty(size, *shape)
    classes = labels.new_empty(size)
    for picked in torch.randperm(N).split(size):
        count = len(picked)
        torch.index_select(images, 0, picked, out=rows[:count])
        torch.index_select(labels, 0, picked, out=classes[:count])
        if scale:
            numbers[:count].copy_(rows[:count]).mul_(1 / 255)


def numpy_take(images: torch.Tensor, labels: torch.Tensor, size: int, scale: bool) -> None:
    """NumPy's `take` into kept buffers."""
    source, classes = images.numpy(), labels.numpy()
    rows = np.empty((size, *source.shape[1:]), source.dtype)
    numbers, picked_classes = np.empty(rows.shape, np.float32), np.empty(size, np.int64)
    order = torch.randperm(N).numpy()
    for start in range(0, N, size):
        picked = order[start : start + size]
        count = len(picked)
        np.take(source, picked, 0, out=rows[:count], mode="clip")
        np.take(classes, picked, out=picked_classes[:count], mode="clip")
        if scale:
            np.multiply(rows[:count], np.float32(1 / 255), out=numbers[:count])


def whole_epoch(images: torch.Tensor, labels: torch.Tensor, size: int, scale: bool) -> None:
    """Gather all rows at once, then split: needs the memory of a second data set."""
    order = torch.randperm(N)
    rows, classes = images.index_select(0, order), labels.index_select(0, order)
    if scale:
        rows = rows.float().mul_(1 / 255)
    exhaust(zip(rows.split(size), classes.split(size), strict=True))


def in_pieces(images: torch.Tensor, labels: torch.Tensor, size: int, scale: bool) -> None:
    """Gather 256 kB at a time by hand, without checks or options."""
    row = images[0].numel() * (4 if scale else images.itemsize)
    piece = size * max(1, 2**18 // row // size)
    for picked in torch.randperm(N).split(piece):
        rows, classes = images.index_select(0, picked), labels.index_select(0, picked)
        if scale:
            rows = rows.float().mul_(1 / 255)
        exhaust(zip(rows.unsafe_split(size), classes.unsafe_split(size), strict=True))


WAYS: dict[str, Callable[[torch.Tensor, torch.Tensor, int, bool], None]] = {
    "index_select into kept buffers": kept_buffers,
    "NumPy take into kept buffers": numpy_take,
    "whole epoch gathered at once": whole_epoch,
    "pieces by hand": in_pieces,
}


def measure_batches(size: int) -> list[Row]:
    """Bytes, bytes that become numbers, and numbers, in shuffled batches of `size`."""
    images = torch.randint(0, 256, (N, 1, 28, 28), dtype=torch.uint8)
    labels = torch.randint(0, 10, (N,))
    numbers = images.float() / 255
    rows = []
    for what, source, dtype in (
        ("bytes", images, None),
        ("bytes to float32", images, torch.float32),
        ("float32", numbers, None),
    ):
        ours = data.Batches((source, labels), size, shuffle=True, dtype=dtype)
        loader = DataLoader(TensorDataset(source, labels), size, shuffle=True)
        scale = dtype is not None
        candidates: dict[str, Callable[[], object]] = {
            "ours": partial(exhaust, ours),
            **{name: partial(way, source, labels, size, scale) for name, way in WAYS.items()},
        }
        seconds = take_turns(candidates, rounds=7)
        mine = seconds.pop("ours")
        best = min(seconds, key=lambda name: seconds[name])
        title = f"Batches, 60000×1×28×28, {what}, batch {size}"
        rows.append(at_most(title, mine, f"best known: {best}", seconds[best], 2))
        slow = take_turns({"loader": partial(exhaust, loader)}, 1, warmup=0)
        rows.append(at_least(title, mine, "torch DataLoader, without scaling", slow["loader"]))
    return rows


def measure_augmentation() -> list[Row]:
    """What augmenting costs, in terms of the epoch without it."""
    images = torch.randint(0, 256, (N, 1, 28, 28), dtype=torch.uint8)
    labels = torch.randint(0, 10, (N,))

    steps: dict[str, Callable[..., torch.Tensor]] = {
        "shift": partial(data.augment.random_crop, padding=2),
        "flip": data.augment.random_flip,
        "rotation": partial(data.augment.random_rotation, degrees=10),
        "cutout": partial(data.augment.cutout, size=8),
    }
    plain = data.Batches((images, labels), 128, shuffle=True)
    candidates: dict[str, Callable[[], object]] = {"plain": partial(exhaust, plain)}
    for name, step in steps.items():
        batches = data.Batches((images, labels), 128, shuffle=True, augment=step)
        candidates[name] = partial(exhaust, batches)
    seconds = take_turns(candidates, rounds=3)
    return [
        at_least(f"Batches with {name}, bytes to float32, batch 128", seconds[name],
                 "the same without augmentation", seconds["plain"])
        for name in steps
    ]  # fmt: skip


# ---- Loading ---------------------------------------------------------------------------------


def measure_loading(folder: Path) -> list[Row]:
    """Loading what the folder holds, from the second time on, against torchvision."""
    from torchvision import datasets

    rows = []
    with tempfile.TemporaryDirectory() as cache, own_cache(Path(cache)):
        if (folder / "MNIST").is_dir():
            seconds = take_turns(
                {
                    "ours": lambda: data.load_mnist(folder, download=False),
                    "torchvision": lambda: [datasets.MNIST(str(folder), t) for t in (True, False)],
                },
                rounds=5,
            )
            peer = seconds["torchvision"]
            rows.append(at_least("load_mnist", seconds["ours"], "torchvision MNIST", peer, 1))
        if (folder / "cifar-10-batches-py").is_dir():
            seconds = take_turns(
                {
                    "ours": lambda: data.load_cifar10(folder, download=False),
                    "torchvision": lambda: [
                        datasets.CIFAR10(str(folder), t) for t in (True, False)
                    ],
                },
                rounds=3,
            )
            peer = seconds["torchvision"]
            rows.append(at_least("load_cifar10", seconds["ours"], "torchvision CIFAR10", peer, 1))
        elif (folder / "cifar10").is_dir() or (folder / "cifar10.tgz").is_file():
            rows += measure_class_folders(folder)
    return rows


def measure_class_folders(folder: Path) -> list[Row]:
    """CIFAR-10 from images: the first time, later times, and torchvision's ImageFolder."""
    from torchvision import datasets

    def load() -> None:
        data.load_cifar10(folder, download=False, progress=False)

    first = take_turns({"first": load}, rounds=1, warmup=0)["first"]
    later = take_turns({"later": load}, rounds=3)["later"]
    pictures = folder / "cifar10"
    if not pictures.is_dir():
        pictures = extract(
            folder / "cifar10.tgz", "cifar10", data_cache() / "for the peer" / "cifar10", False
        )

    def image_folder() -> None:
        for split in ("train", "test"):
            exhaust(datasets.ImageFolder(str(pictures / split)))

    peer = take_turns({"peer": image_folder}, rounds=1, warmup=0)["peer"]
    name = "torchvision ImageFolder, all images decoded"
    return [
        at_least("load_cifar10 (JPEG), the first time", first, name, peer),
        at_least("load_cifar10 (JPEG), later", later, name, peer, 10),
    ]


def data_cache() -> Path:
    """The folder that the loaders use as their cache now."""
    return platformdirs.user_cache_path("d2lhelpers", appauthor=False)


@contextlib.contextmanager
def own_cache(folder: Path) -> Iterator[None]:
    """Let the loaders use this folder as their cache: nothing kept before helps them."""
    original = platformdirs.user_cache_path
    platformdirs.user_cache_path = lambda *args, **options: folder
    try:
        yield
    finally:
        platformdirs.user_cache_path = original


def main() -> int:
    """Measure and store; the exit status."""
    rows = [row for size in (10, 256) for row in measure_batches(size)]
    rows += measure_augmentation()
    rows += measure_loading(Path(os.environ.get("D2L_DATA") or SHARED))
    return store("batches", rows, "python -m benchmarks.batches")


if __name__ == "__main__":
    sys.exit(main())

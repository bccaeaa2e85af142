"""MNIST: 70,000 handwritten digits of 28×28 pixels."""

import gzip
import os
import shutil
from functools import partial
from pathlib import Path
from typing import Literal

import torch

from .cache import has_checksum, replacing
from .dataset import ImageDataset, Split, take_last
from .digits import CLASSES
from .errors import DamagedDataError, DataNotFoundError, DownloadError, NotHereError
from .idx import read_idx
from .options import require_options, require_validation
from .sources import Published, digits_instead, obtain

# The same gzipped bytes at both: torchvision's mirror, and that of the CVDF.
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
# Name, SHA-256 of the gzipped file, SHA-256 of the file in it. The first are those that TensorFlow
# Datasets and others publish for the files of these mirrors; the second were computed from files
# whose MD5 sums are the published ones.
FILES = (
    (
        "train-images-idx3-ubyte",
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    (
        "train-labels-idx1-ubyte",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    (
        "t10k-images-idx3-ubyte",
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    (
        "t10k-labels-idx1-ubyte",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
)
FOLDER = Path("MNIST", "raw")  # as torchvision lays it out


def load_mnist(
    folder: str | os.PathLike[str] | None = None,
    *,
    validation: int = 10_000,
    download: bool = True,
    fallback: Literal["digits"] | None = None,
    progress: bool = True,
) -> ImageDataset:
    """MNIST in memory: 50,000 training, 10,000 validation and 10,000 test images, 28×28 gray.

    Looked for in `folder`, in the folder that the environment variable D2L_DATA names, and in the
    user's cache, each as torchvision lays it out: `MNIST/raw/train-images-idx3-ubyte`, and so on,
    plain or `.gz`. Else it is downloaded (11 MB) into the cache, with checksums; an interrupted
    download goes on where it stopped.

    Args:
        folder: where to look first.
        validation: how many of the last training images are for validation; 0 leaves all 60,000
            for training.
        download: whether to download it when it is in none of the folders.
        fallback: "digits" returns the embedded digits, and says so on stderr, where MNIST can not
            be had.
        progress: whether a progress bar is shown.

    Returns:
        Images of shape (n, 1, 28, 28). Training and validation images share memory.

    Raises:
        DataNotFoundError: when it can not be had; names all that was tried.
        DamagedDataError: when `folder` or D2L_DATA holds files that are incomplete or no MNIST.
        NotADirectoryError, TypeError, ValueError: when an argument is wrong.

    Source: LeCun, Cortes and Burges, The MNIST database of handwritten digits; the last 10,000
    training images for validation as in Nielsen, Neural Networks and Deep Learning, 2015.
    """
    require_options("load_mnist", fallback, download=download, progress=progress)
    require_validation("load_mnist", validation)
    fetch = partial(fetch_mnist, progress=progress)
    try:
        found = obtain("load_mnist", "MNIST", folder, read_mnist, fetch, download)
    except DataNotFoundError as error:
        if fallback is None:
            raise
        return digits_instead("load_mnist", "MNIST", error)
    require_validation("load_mnist", validation, len(found.images))
    train, held_out = take_last(found.images, found.labels, validation)
    test = Split(found.test_images, found.test_labels)
    return ImageDataset(found.name, CLASSES, train, held_out, test, found.source)


def read_mnist(folder: Path) -> Published:
    """Read `folder`/MNIST/raw; NotHereError when there is none, DamagedDataError when it is bad."""
    raw = folder / FOLDER
    paths = {
        name: next((path for path in (raw / name, raw / f"{name}.gz") if path.is_file()), None)
        for name, _, _ in FILES
    }
    missing = [name for name, path in paths.items() if path is None]
    if len(missing) == len(FILES):
        raise NotHereError(f"no {FOLDER.as_posix()}/{FILES[0][0]} or .gz")
    if missing:
        raise DamagedDataError(f"{raw} is incomplete: it lacks {', '.join(missing)}")
    train_images, train_labels, test_images, test_labels = (path for path in paths.values() if path)
    return Published(
        "MNIST",
        *_read_pair(train_images, train_labels),
        *_read_pair(test_images, test_labels),
        str(raw),
    )


def _read_pair(image_path: Path, label_path: Path) -> tuple[torch.Tensor, torch.Tensor]:
    images, labels = read_idx(image_path, 3), read_idx(label_path, 1)
    if len(images) != len(labels) or not len(images):
        raise DamagedDataError(
            f"{image_path} has {len(images):,} images, {label_path.name} {len(labels):,} labels"
        )
    if images.shape[1:] != (28, 28) or labels.max() > 9:
        raise DamagedDataError(
            f"{image_path} and {label_path.name} are no MNIST: images of "
            f"{images.shape[1]}×{images.shape[2]}, labels up to {int(labels.max())}"
        )
    return images.unsqueeze(1), labels.long()


def fetch_mnist(cache: Path, *, progress: bool) -> None:
    """Download what the cache lacks or holds damaged; DownloadError when that is impossible."""
    from .download import fetch_file  # its packages load when something is downloaded

    raw = cache / FOLDER
    raw.mkdir(parents=True, exist_ok=True)
    for name, packed_sum, plain_sum in FILES:
        plain, packed = raw / name, raw / f"{name}.gz"
        if has_checksum(plain, plain_sum):
            continue
        fetch_file([f"{mirror}{packed.name}" for mirror in MIRRORS], packed, packed_sum, progress)
        with replacing(plain) as temporary:
            with gzip.open(packed) as source, temporary.open("wb") as target:
                shutil.copyfileobj(source, target, 2**20)
            if not has_checksum(temporary, plain_sum):
                raise DownloadError(f"{packed} does not unpack to the published bytes")
        packed.unlink(missing_ok=True)

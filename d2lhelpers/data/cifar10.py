"""CIFAR-10: 60,000 color images of 32×32 pixels in ten classes."""

import contextlib
import hashlib
import io
import os
import pickle
import shutil
import warnings
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from .archives import extract
from .cache import has_checksum, workplace
from .class_folders import decode_images, decoded_once, fingerprint_of, list_images
from .dataset import ImageDataset, Split, take_last_of_each_class
from .errors import DamagedDataError, DataNotFoundError, NotHereError
from .options import require_options, require_validation
from .sources import Published, cache_folder, digits_instead, obtain

CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
ARCHIVE = "cifar-10-python.tar.gz"
# Both are the University of Toronto; the first redirects to the second nowadays.
URLS = (
    f"https://www.cs.toronto.edu/~kriz/{ARCHIVE}",
    f"https://cave.cs.toronto.edu/kriz/{ARCHIVE}",
)
# As torchvision's prototype datasets publish it, for the file with MD5
# c58f30108f718f92721af3b95e74349a that the authors' page names.
ARCHIVE_SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
BATCHES = "cifar-10-batches-py"
# The MD5 sums of the files in it, as torchvision publishes them.
TRAIN_FILES = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
}
TEST_FILES = {"test_batch": "40351d587109b95175f43aff81a1287e"}
SHAPE = (3, 32, 32)
PICTURES = "cifar10"
PICTURE_ARCHIVE = "cifar10.tgz"


def load_cifar10(
    folder: str | os.PathLike[str] | None = None,
    *,
    validation: int = 5_000,
    download: bool = True,
    fallback: Literal["digits"] | None = None,
    progress: bool = True,
) -> ImageDataset:
    """CIFAR-10 in memory: 45,000 training, 5,000 validation and 10,000 test images, 32×32 color.

    Looked for in `folder`, in the folder that the environment variable D2L_DATA names, and in the
    user's cache, each in one of these layouts: `cifar-10-batches-py/` as torchvision has it,
    `cifar-10-python.tar.gz`, class folders `cifar10/{train,test}/{class}/*` of JPEG or PNG images,
    `cifar10.tgz` of these. Else the published archive is downloaded (170 MB) into the cache, with
    checksums; an interrupted download goes on where it stopped. Archives are extracted and images
    are decoded once, into the cache; the images that an archive holds are not kept as files.

    Images from class folders of JPEG files differ a little from the published ones: the name of
    the data set then says "CIFAR-10 (JPEG)", and so should every result.

    Args:
        folder: where to look first.
        validation: how many training images are for validation, the last 500 of each class by
            default; 0 leaves all 50,000 for training.
        download: whether to download it when it is in none of the folders.
        fallback: "digits" returns the embedded digits, and says so on stderr, where CIFAR-10 can
            not be had.
        progress: whether progress bars are shown.

    Returns:
        Images of shape (n, 3, 32, 32), in the published order; from class folders the first image
        of each class, then the second of each, and so on.

    Raises:
        DataNotFoundError: when it can not be had; names all that was tried.
        DamagedDataError: when `folder` or D2L_DATA holds files that are incomplete or have other
            checksums; such files are never unpickled.
        NotADirectoryError, TypeError, ValueError: when an argument is wrong.

    Source: Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009.
    """
    require_options("load_cifar10", fallback, download=download, progress=progress)
    require_validation("load_cifar10", validation)
    read = partial(read_cifar10, progress=progress)
    fetch = partial(fetch_cifar10, progress=progress)
    try:
        found = obtain("load_cifar10", "CIFAR-10", folder, read, fetch, download)
    except DataNotFoundError as error:
        if fallback is None:
            raise
        return digits_instead("load_cifar10", "CIFAR-10", error)
    require_validation("load_cifar10", validation, len(found.images))
    train, held_out = take_last_of_each_class(found.images, found.labels, validation)
    test = Split(found.test_images, found.test_labels)
    return ImageDataset(found.name, CLASSES, train, held_out, test, found.source)


def read_cifar10(folder: Path, *, progress: bool) -> Published:
    """Read the first layout that the folder holds; NotHereError when it holds none."""
    if (folder / BATCHES).is_dir():
        return _read_batches(folder / BATCHES)
    if (folder / ARCHIVE).is_file():
        return _read_archive(folder / ARCHIVE, progress)
    if (folder / PICTURES).is_dir():
        return _read_pictures(folder / PICTURES, progress)
    if (folder / PICTURE_ARCHIVE).is_file():
        return _read_picture_archive(folder / PICTURE_ARCHIVE, progress)
    raise NotHereError(f"no {BATCHES}/, {ARCHIVE}, {PICTURES}/ or {PICTURE_ARCHIVE}")


def fetch_cifar10(cache: Path, *, progress: bool) -> None:
    """Download it unless the cache holds it undamaged; DownloadError when that is impossible."""
    from .download import fetch_file  # its packages load when something is downloaded

    batches = cache / BATCHES
    if _is_whole(batches):
        return
    archive = fetch_file(URLS, cache / ARCHIVE, ARCHIVE_SHA256, progress)
    shutil.rmtree(batches, ignore_errors=True)
    extract(archive, BATCHES, batches, progress)
    archive.unlink()


# ---- The published files: pickles ------------------------------------------------------------


def _is_whole(batches: Path) -> bool:
    try:
        for name, md5 in {**TRAIN_FILES, **TEST_FILES}.items():
            _checked_bytes(batches / name, md5)
    except (DamagedDataError, OSError):
        return False
    return True


def _read_archive(archive: Path, progress: bool) -> Published:
    with contextlib.suppress(DamagedDataError):
        return _read_batches(cache_folder() / BATCHES, source=archive)
    with workplace(cache_folder(), "CIFAR-10") as place:
        batches = place / BATCHES
        if not _is_whole(batches):
            if not has_checksum(archive, ARCHIVE_SHA256):
                raise DamagedDataError(f"{archive} is not the published file (SHA-256 differs)")
            shutil.rmtree(batches, ignore_errors=True)
            extract(archive, BATCHES, batches, progress)
        return _read_batches(batches, source=archive)


def _read_batches(batches: Path, source: Path | None = None) -> Published:
    return Published(
        "CIFAR-10",
        *_read_files(batches, TRAIN_FILES),
        *_read_files(batches, TEST_FILES),
        str(source or batches),
    )


def _read_files(folder: Path, sums: dict[str, str]) -> tuple[torch.Tensor, torch.Tensor]:
    images, labels = [], []
    for name, md5 in sums.items():
        entry = _unpickle(_checked_bytes(folder / name, md5), folder / name)
        images.append(np.asarray(entry["data"], dtype=np.uint8).reshape(-1, 3, 32, 32))
        labels.append(np.asarray(entry["labels"], dtype=np.int64))
    return torch.from_numpy(np.concatenate(images)), torch.from_numpy(np.concatenate(labels))


def _checked_bytes(path: Path, md5: str) -> bytes:
    """The file's bytes, only if they are the published ones."""
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise DamagedDataError(f"{path.parent} is incomplete: it lacks {path.name}") from error
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != md5:
        raise DamagedDataError(
            f"{path} is not the published file (MD5 differs); it was not unpickled, since a pickle "
            "may run any program"
        )
    return content


# numpy._core.multiarray._reconstruct: what a pickle of an array calls first.
_reconstruct = np.empty(0).__reduce__()[0]


class _ArrayUnpickler(pickle.Unpickler):
    """Makes arrays and plain values, nothing else: a second lock behind the checksum."""

    ALLOWED = {
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        # Where NumPy 1, which wrote the files, and NumPy 2 keep it.
        ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
        ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    }

    def find_class(self, module: str, name: str) -> Any:
        """The few names that the pickle of an array uses; UnpicklingError for any other."""
        if (module, name) in self.ALLOWED:
            return self.ALLOWED[module, name]
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed")


def _unpickle(content: bytes, path: Path) -> dict[str, Any]:
    try:
        with warnings.catch_warnings():
            # NumPy warns of how the dtypes in these files of 2009 were written.
            warnings.simplefilter("ignore")
            return _ArrayUnpickler(io.BytesIO(content), encoding="latin1").load()
    except pickle.UnpicklingError as error:
        raise DamagedDataError(f"{path} is no pickle of arrays: {error}") from error


# ---- Class folders of images -----------------------------------------------------------------


def _read_pictures(pictures: Path, progress: bool) -> Published:
    listing = list_images(pictures, CLASSES)
    fingerprint = fingerprint_of(path for part in listing.values() for path, _ in part)
    decoded = decoded_once(
        cache_folder(),
        pictures,
        fingerprint,
        SHAPE,
        lambda _: decode_images(listing, SHAPE, progress),
    )
    return _published(decoded, pictures)


def _read_picture_archive(archive: Path, progress: bool) -> Published:
    fingerprint = fingerprint_of([archive])

    def decode(place: Path) -> dict[str, Any]:
        # 60,000 files that nobody needs once they are decoded. The name is always the same, so that
        # what a process that was killed has left goes the next time.
        scratch = place / f"{PICTURES}-{fingerprint[:16]}"
        shutil.rmtree(scratch, ignore_errors=True)
        try:
            pictures = extract(archive, PICTURES, scratch / PICTURES, progress)
            return decode_images(list_images(pictures, CLASSES), SHAPE, progress)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    return _published(decoded_once(cache_folder(), archive, fingerprint, SHAPE, decode), archive)


def _published(decoded: dict[str, Any], source: Path) -> Published:
    return Published(
        f"CIFAR-10 ({decoded['kind']})",
        decoded["train_images"],
        decoded["train_labels"],
        decoded["test_images"],
        decoded["test_labels"],
        str(source),
    )

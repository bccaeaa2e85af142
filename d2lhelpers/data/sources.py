"""Where data is looked for: the folder given, D2L_DATA, the user's cache; then the network."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import platformdirs
import torch

from .cache import alone
from .dataset import ImageDataset
from .digits import load_digits
from .errors import DamagedDataError, DataNotFoundError, DownloadError, NotHereError


@dataclass(frozen=True)
class Published:
    """A data set as it was published: training and test examples, and where they were found."""

    name: str
    images: torch.Tensor
    labels: torch.Tensor
    test_images: torch.Tensor
    test_labels: torch.Tensor
    source: str


@dataclass(frozen=True)
class Place:
    """A folder to look in. What the reader named must be sound; the cache is `ours` to mend."""

    label: str
    path: Path
    ours: bool = False


def cache_folder() -> Path:
    """Where downloads, extracted archives and decoded images are kept, as the system has it."""
    return platformdirs.user_cache_path("d2lhelpers", appauthor=False)


def places(where: str, folder: str | os.PathLike[str] | None) -> list[Place]:
    """The folders to look in, in order.

    Raises TypeError when `folder` is not a path, NotADirectoryError when it is no folder.
    """
    found = []
    if folder is not None:
        if not isinstance(folder, str | os.PathLike):
            raise TypeError(f"{where}: folder must be a path, got {type(folder).__name__}")
        path = Path(os.fspath(folder)).expanduser()
        if not path.is_dir():
            raise NotADirectoryError(f"{where}: there is no folder {path}")
        found.append(Place("the folder given", path))
    if os.environ.get("D2L_DATA"):
        found.append(Place("D2L_DATA", Path(os.environ["D2L_DATA"]).expanduser()))
    found.append(Place("the user's cache", cache_folder(), ours=True))
    return found


def obtain(
    where: str,
    name: str,
    folder: str | os.PathLike[str] | None,
    read: Callable[[Path], Published],
    fetch: Callable[[Path], None],
    download: bool,
) -> Published:
    """Read a data set from the first place that holds it, else fetch it into the cache.

    Args:
        where: the public function, for messages.
        name: the data set, for messages.
        folder: what the caller was given.
        read: reads a folder; raises NotHereError when it does not hold the data set.
        fetch: downloads what the cache lacks or holds damaged; raises DownloadError.
        download: whether `fetch` may be called.

    Raises:
        DataNotFoundError: nowhere found; the message names all that was tried.
        DamagedDataError, OSError: a folder that the reader named holds it, but unreadably.
    """
    tried = []
    for place in places(where, folder):
        try:
            return read(place.path)
        except NotHereError as error:
            tried.append(f"{place.label}, {place.path}: {error}")
        except (DamagedDataError, OSError) as error:
            if not place.ours:
                raise
            tried.append(f"{place.label}, {place.path}: {error}")
    cache = cache_folder()
    try:
        if not download:
            raise DownloadError("not tried, since download=False")
        with alone(cache, name):
            fetch(cache)
        return read(cache)
    except (DownloadError, NotHereError, DamagedDataError, OSError) as error:
        tried.append(f"the download into {cache}: {error}")
    if "D2L_DATA" not in os.environ:
        tried.append("D2L_DATA is not set; it may name a folder that holds the data")
    raise DataNotFoundError(f"{where}: {name} was not found. Tried:\n- " + "\n- ".join(tried))


def digits_instead(where: str, name: str, error: DataNotFoundError) -> ImageDataset:
    """The embedded digits in place of a data set that was not found; says so on stderr."""
    print(
        f"{where}: {name} was neither found nor downloaded; these are the embedded digits instead, "
        "8×8 pixels (fallback='digits')",
        file=sys.stderr,
    )
    digits = load_digits()
    return replace(digits, source=f"{digits.source}, because of: {error}")

"""Archives, extracted safely: regular files and folders only, inside one folder, all or nothing."""

import gzip
import lzma
import os
import tarfile
import tempfile
import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath

from .errors import DamagedDataError

MOST_BYTES = 2**31  # what an archive may unpack to; CIFAR-10 needs a tenth of it
MOST_MEMBERS = 500_000
_NOT_WHOLE = (
    tarfile.TarError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    gzip.BadGzipFile,
    ValueError,  # this and the next: numbers in a header that are none or have no end
    OverflowError,
)


def extract(archive: Path, inner: str, target: Path, progress: bool) -> Path:
    """Extract a tar archive, so that its folder `inner` becomes the folder `target`; once.

    Where `target` is there already, nothing is done. It appears at once, with all files, or not at
    all.

    Raises:
        DamagedDataError: when the archive is not whole, has no folder `inner`, or holds what a data
            set does not need: links, devices, names that are absolute or contain "..".
        OSError: when it cannot be written.
    """
    if target.is_dir():
        return target
    if not hasattr(tarfile, "data_filter"):
        raise RuntimeError("archives are extracted by Python 3.11.4 or newer only")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f"{target.name}.") as scratch:
        try:
            _extract_all(archive, scratch, progress)
        except DamagedDataError:  # a ValueError, too: it must come first
            raise
        except _NOT_WHOLE as error:
            raise DamagedDataError(f"{archive} is no whole tar archive: {error}") from error
        if not Path(scratch, inner).is_dir():
            raise DamagedDataError(f"{archive} holds no folder {inner}")
        try:
            os.rename(Path(scratch, inner), target)
        except OSError:
            if not target.is_dir():  # else another process was faster
                raise
    return target


def _extract_all(archive: Path, folder: str, progress: bool) -> None:
    from tqdm.auto import tqdm

    size = count = 0
    bar = tqdm(
        desc=f"extracting {archive.name}",
        unit=" files",
        disable=not progress,
        leave=False,
        mininterval=0.5,
    )

    def check(member: tarfile.TarInfo, path: str) -> tarfile.TarInfo | None:
        nonlocal size, count
        size += member.size
        bar.update()
        count += 1
        names = PurePosixPath(member.name), PureWindowsPath(member.name)
        if any(name.anchor or ".." in name.parts for name in names):
            raise DamagedDataError(f"{archive} was refused: it holds the name {member.name!r}")
        if not (member.isreg() or member.isdir()):
            raise DamagedDataError(
                f"{archive} was refused: {member.name!r} is neither a file nor a folder"
            )
        if size > MOST_BYTES or count > MOST_MEMBERS:
            raise DamagedDataError(f"{archive} was refused: it unpacks to too much")
        return tarfile.data_filter(member, path)

    with bar, tarfile.open(archive) as tar:
        tar.extractall(folder, filter=check)

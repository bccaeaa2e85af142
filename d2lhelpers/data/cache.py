"""Writing into the cache: one process at a time, whole files or none."""

import contextlib
import hashlib
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from .errors import DownloadError


@contextlib.contextmanager
def alone(cache: Path, name: str) -> Iterator[None]:
    """Keep other processes and threads from writing the same data set; they wait.

    The operating system takes the lock away from a process that dies. Raises DownloadError when
    the folder cannot be written to.
    """
    import filelock

    if not is_writable(cache):
        raise DownloadError(f"the folder cannot be written to: {cache}")
    with filelock.FileLock(cache / f"{name}.lock"):
        yield


@contextlib.contextmanager
def workplace(cache: Path, name: str) -> Iterator[Path]:
    """The cache, locked for this data set; a folder for the moment where it cannot be written."""
    if is_writable(cache):
        with alone(cache, name):
            yield cache
    else:
        with tempfile.TemporaryDirectory(prefix="d2lhelpers-") as folder:
            yield Path(folder)


def is_writable(folder: Path) -> bool:
    """Whether files can be made in the folder, which is made if need be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


@contextlib.contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A file beside `target` to write to, which takes its place at the end, or goes on an error."""
    temporary = target.with_name(f"{target.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        yield temporary
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def has_checksum(path: Path, sha256: str) -> bool:
    """Whether the file is there and its SHA-256 is the given one, in hexadecimal digits."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256

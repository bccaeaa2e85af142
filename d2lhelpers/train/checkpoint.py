"""Checkpoints: whole files or none, and nothing in them but tensors and plain values."""

import contextlib
import os
import pickle
import re
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import torch

from ..data.cache import replacing

FORMAT = "d2lhelpers.train checkpoint"
VERSION = 1
PLAIN = (type(None), bool, int, float, str)


class CheckpointError(ValueError):
    """A file is no checkpoint of this trainer, is damaged, or belongs to another run."""


def save(path: Path, kind: str, contents: dict[str, Any]) -> None:
    """Write tensors and plain values; a file that was there before stays until this one is whole.

    The bytes are on the disk before the name changes, and the name before this returns, so that
    neither a killed process nor a power failure leaves half a file.

    Raises:
        TypeError: when there is something else in it, which `load` would refuse.
    """
    _require_plain(contents, kind)
    record = {"format": FORMAT, "version": VERSION, "kind": kind, **contents}
    with writing(path) as file:
        torch.save(record, file)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """A file to write to, which takes the place of `path` when it is whole and on the disk."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    _sync_folder(path.parent)


def keep_previous(path: Path) -> None:
    """Give the file, if there is one, a second name, so that it outlives the next one.

    At every moment there is a whole file called `path`.
    """
    if path.exists():
        with replacing(previous(path)) as temporary:
            try:
                os.link(path, temporary)
            except OSError:  # a file system without links
                shutil.copyfile(path, temporary)


def previous(path: Path) -> Path:
    """What the checkpoint before this one is called."""
    return path.with_name(f"{path.stem}.previous{path.suffix}")


def load(path: Path, kind: str) -> dict[str, Any]:
    """Read what `save` wrote, all tensors on the CPU.

    No code in the file is run: `weights_only=True` admits tensors and plain values, nothing else.

    Raises:
        FileNotFoundError: when there is no such file.
        CheckpointError: when it is damaged, holds other objects, or is of another kind.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint at {path}")
    try:
        with zipfile.ZipFile(path) as archive:  # torch.load itself does not look at the checksums
            broken = archive.testzip()
        if broken:
            raise CheckpointError(
                f"{path} is damaged: the checksum of {broken} does not match{_advice(path)}"
            )
        record = torch.load(path, map_location="cpu", weights_only=True)
    except zipfile.BadZipFile as error:
        raise CheckpointError(
            f"{path} is no checkpoint, or its end is missing ({error}){_advice(path)}"
        ) from None
    except pickle.UnpicklingError:
        raise CheckpointError(
            f"{path} holds more than tensors and plain values; loading it could run foreign code, "
            "and is refused"
        ) from None
    except (RuntimeError, EOFError, OSError, KeyError, ValueError, zlib.error) as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(f"{path} cannot be read: {error}") from None
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise CheckpointError(f"{path} was not written by this trainer")
    if record.get("version") != VERSION:
        raise CheckpointError(
            f"{path} has version {record.get('version')}, this trainer reads version {VERSION}"
        )
    if record.get("kind") != kind:
        raise CheckpointError(f"{path} holds {record.get('kind')!r}, not {kind!r}")
    return record


def _advice(path: Path) -> str:
    """What to do about a damaged file."""
    older = previous(path)
    return f"; {older.name} beside it is the one before: rename it" if older.exists() else ""


def _require_plain(value: object, place: str) -> None:
    """Raise TypeError unless there are only tensors and plain values in it, at any depth."""
    if isinstance(value, dict):
        for name, inner in value.items():
            _require_plain(name, f"a name in {place}")
            _require_plain(inner, f"{place}[{name!r}]")
    elif type(value) in (list, tuple):
        for i, inner in enumerate(value):  # type: ignore[arg-type]
            _require_plain(inner, f"{place}[{i}]")
    elif type(value) not in PLAIN and not isinstance(value, torch.Tensor):
        raise TypeError(f"{place} is of the type {type(value).__name__}; it cannot be stored")


def remove_unfinished(path: Path) -> None:
    """Delete what a killed process left of files that were to take the place of `path`."""
    pattern = re.compile(re.escape(path.name) + r"\.\d+\.\d+\.tmp")
    for leftover in path.parent.iterdir():
        if pattern.fullmatch(leftover.name):
            leftover.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Have the folder's entries written to the disk; systems that cannot do without (Windows)."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

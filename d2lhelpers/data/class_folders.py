"""Images in class folders, `{train,test}/{class}/*`, decoded once and kept as tensors."""

import hashlib
import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .cache import replacing, workplace
from .errors import DamagedDataError

SPLITS = ("train", "test")
FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG"}
TENSORS = tuple(f"{split}_{what}" for split in SPLITS for what in ("images", "labels"))

Listing = Mapping[str, Sequence[tuple[Path, int]]]


def list_images(folder: Path, classes: Sequence[str]) -> dict[str, list[tuple[Path, int]]]:
    """The images of each split with their labels: the first of each class, then the second, ...

    Within a class the order is that of the file names. Hidden files and files with other endings
    than those of images are passed over.

    Raises:
        DamagedDataError: when a split lacks a class, has one that is not in `classes`, or holds no
            images.
    """
    listing: dict[str, list[tuple[Path, int]]] = {}
    for split in SPLITS:
        found = folder / split
        folders = [path for path in found.iterdir() if path.is_dir()] if found.is_dir() else []
        names = {path.name for path in folders if not path.name.startswith(".")}
        if names != set(classes):
            lacks, extra = sorted(set(classes) - names), sorted(names - set(classes))
            raise DamagedDataError(
                f"{found} should hold one folder for each class; "
                f"missing: {', '.join(lacks) or 'none'}; unknown: {', '.join(extra) or 'none'}"
            )
        ranked = []
        for label, name in enumerate(classes):
            files = sorted(file for file in os.listdir(found / name) if _is_image(file))
            ranked += [(rank, label, found / name / file) for rank, file in enumerate(files)]
        listing[split] = [(path, label) for _, label, path in sorted(ranked)]
        if not ranked:
            raise DamagedDataError(f"{found} holds no JPEG or PNG images")
    return listing


def _is_image(file: str) -> bool:
    return not file.startswith(".") and os.path.splitext(file)[1].lower() in FORMATS


def decode_images(listing: Listing, shape: tuple[int, int, int], progress: bool) -> dict[str, Any]:
    """Decode all images.

    Args:
        listing: from `list_images`.
        shape: (C, H, W) that each must have, C being 3.
        progress: whether a progress bar is shown.

    Returns:
        "train_images" and "test_images", uint8 of shape (n, C, H, W); "train_labels" and
        "test_labels", int64 of shape (n,); "kind", for instance "JPEG".

    Raises:
        DamagedDataError: when a file is no image or of another size; names it.
    """
    from PIL import Image, UnidentifiedImageError
    from tqdm.auto import tqdm

    channels, height, width = shape
    decoded: dict[str, Any] = {}
    kinds = set()
    bar = tqdm(
        total=sum(len(part) for part in listing.values()),
        desc="decoding images",
        disable=not progress,
        leave=False,
        mininterval=0.5,
    )
    with bar:
        for split, part in listing.items():
            images = np.empty((len(part), height, width, channels), dtype=np.uint8)
            for position, (path, _) in enumerate(part):
                try:
                    with Image.open(path, formats=("JPEG", "PNG")) as image:
                        if image.size != (width, height):
                            raise DamagedDataError(
                                f"{path} is {image.size[0]}×{image.size[1]}, "
                                f"wanted {width}×{height} pixels"
                            )
                        images[position] = np.asarray(image.convert("RGB"))
                except (UnidentifiedImageError, OSError, SyntaxError) as error:
                    raise DamagedDataError(f"{path} cannot be decoded: {error}") from error
                kinds.add(FORMATS[path.suffix.lower()])
                bar.update()
            pixels = torch.from_numpy(images).permute(0, 3, 1, 2)
            decoded[f"{split}_images"] = pixels.contiguous()
            decoded[f"{split}_labels"] = torch.tensor([label for _, label in part])
    return {**decoded, "kind": " and ".join(sorted(kinds))}


def fingerprint_of(paths: Iterable[Path]) -> str:
    """A text that changes when a file is added, removed, renamed, rewritten or touched."""
    digest = hashlib.sha256()
    for path in paths:
        status = path.stat()
        digest.update(f"{path.absolute()}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def decoded_once(
    cache: Path,
    source: Path,
    fingerprint: str,
    shape: tuple[int, int, int],
    decode: Callable[[Path], dict[str, Any]],
) -> dict[str, Any]:
    """What `decode` returns, kept in one file of the cache until the fingerprint changes.

    A file that is damaged, by as little as one bit, is decoded anew.

    Args:
        cache: the folder of the cache; where it cannot be written, nothing is kept.
        source: the folder or archive that is decoded.
        fingerprint: from `fingerprint_of`.
        shape: (C, H, W) of the images.
        decode: is given a folder to work in, locked against other processes; returns what
            `decode_images` does.
    """
    name = hashlib.sha256(os.fsencode(source.resolve())).hexdigest()[:16]
    kept = _load(cache / "decoded" / f"{name}.pt", fingerprint, shape)
    if kept is not None:
        return kept
    with workplace(cache, source.name) as place:
        path = place / "decoded" / f"{name}.pt"
        kept = _load(path, fingerprint, shape)  # another process may have decoded it meanwhile
        if kept is None:
            kept = decode(place)
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as temporary:
                marks = {"fingerprint": fingerprint, "sha256": checksum_of(kept)}
                torch.save({**kept, **marks}, temporary)
        return kept


def checksum_of(decoded: Mapping[str, Any]) -> str:
    """SHA-256 of the tensors that `decode_images` returns, with their dtypes, shapes and kind."""
    digest = hashlib.sha256(decoded["kind"].encode())
    for name in TENSORS:
        tensor = decoded[name]
        digest.update(f"\0{name} {tensor.dtype} {tuple(tensor.shape)}\0".encode())
        digest.update(tensor.flatten().numpy())
    return digest.hexdigest()


def _load(path: Path, fingerprint: str, shape: tuple[int, int, int]) -> dict[str, Any] | None:
    """What was kept, or None when it is not there, not readable, damaged or of other files."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kept = torch.load(path, map_location="cpu", weights_only=True)
            if kept["fingerprint"] != fingerprint or kept["sha256"] != checksum_of(kept):
                return None
            return kept if _fits(kept, shape) else None
    except Exception:  # damaged bytes raise nearly anything: KeyError, UnicodeDecodeError, ...
        return None


def _fits(kept: Mapping[str, Any], shape: tuple[int, int, int]) -> bool:
    """Whether the tensors have the dtypes and shapes of images and as many labels."""
    for split in SPLITS:
        images, labels = kept[f"{split}_images"], kept[f"{split}_labels"]
        if (images.dtype, labels.dtype) != (torch.uint8, torch.int64):
            return False
        if images.shape[1:] != shape or labels.shape != images.shape[:1]:
            return False
    return True

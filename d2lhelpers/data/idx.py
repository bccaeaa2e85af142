"""The IDX format of MNIST: a header of big-endian numbers, then the bytes."""

import gzip
import io
import math
import struct
import zlib
from pathlib import Path
from typing import cast

import torch

from .errors import DamagedDataError

UNSIGNED_BYTE = 8
GZIP_RATIO = 1032  # gzip packs no denser; a header that promises more is not believed


def read_idx(path: Path, num_dims: int) -> torch.Tensor:
    """Read an IDX file of unsigned bytes, plain or (by its ending) gzipped.

    Args:
        path: the file.
        num_dims: dimensions that it must have: 3 for images, 1 for labels.

    Returns:
        uint8, in the shape that the header says.

    Raises:
        DamagedDataError: when the file is not whole, not gzip, or not IDX of that many dimensions.

    Source: LeCun, Cortes and Burges, The MNIST database of handwritten digits.
    """
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with cast(io.BufferedIOBase, opener(path, "rb")) as file:
            return _read(file, path, num_dims)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DamagedDataError(f"{path} is no whole gzip file: {error}") from error


def _read(file: io.BufferedIOBase, path: Path, num_dims: int) -> torch.Tensor:
    wanted = 4 + 4 * num_dims
    header = file.read(wanted)
    if len(header) < wanted:
        raise DamagedDataError(f"{path} ends within its header, after {len(header)} bytes")
    zero, kind, dims, *shape = struct.unpack(f">HBB{num_dims}I", header)
    if (zero, kind, dims) != (0, UNSIGNED_BYTE, num_dims):
        raise DamagedDataError(
            f"{path} is no IDX file of bytes in {num_dims} dimensions: it begins with "
            f"{header[:4].hex(' ')}, wanted 00 00 08 {num_dims:02x}"
        )
    size = math.prod(shape)
    there = path.stat().st_size
    packed = path.suffix == ".gz"
    if size > there * GZIP_RATIO if packed else size != there - wanted:
        raise DamagedDataError(
            f"{path} promises {size:,} bytes, shape {tuple(shape)}, in a file of {there:,}"
        )
    values = torch.empty(size, dtype=torch.uint8)
    view, filled = values.numpy().data, 0
    while count := file.readinto(view[filled:]):
        filled += count
    if filled < size or file.read(1):
        raise DamagedDataError(f"{path} does not hold the {size:,} bytes that its header promises")
    return values.reshape(shape)

"""Small files in the layouts of the real data sets, and a cache of their own for the tests."""

import gzip
import hashlib
import io
import pickle
import struct
import tarfile
from pathlib import Path

import numpy as np
import platformdirs
import pytest
from PIL import Image

from d2lhelpers.data import cifar10, mnist

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
needs_mnist = pytest.mark.skipif(not (SHARED / "MNIST").is_dir(), reason="no real MNIST here")
needs_cifar10 = pytest.mark.skipif(
    not (SHARED / "cifar10.tgz").is_file(), reason="no real CIFAR-10 here"
)


@pytest.fixture(name="cache", autouse=True)
def own_cache(tmp_path, monkeypatch):
    """An empty cache, no D2L_DATA, no proxy, and mirrors that refuse."""
    folder = tmp_path / "the cache"
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda *args, **options: folder)
    monkeypatch.delenv("D2L_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(mnist, "MIRRORS", ("http://127.0.0.1:9/",))
    monkeypatch.setattr(cifar10, "URLS", ("http://127.0.0.1:9/cifar",))
    return folder


def idx(array: np.ndarray) -> bytes:
    """An array of bytes as an IDX file."""
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


def mnist_files(num_train: int = 40, num_test: int = 10, seed: int = 0) -> dict[str, bytes]:
    """Name -> content of the four files."""
    random = np.random.default_rng(seed)
    files = {}
    for name, count in (("train", num_train), ("t10k", num_test)):
        files[f"{name}-images-idx3-ubyte"] = idx(random.integers(0, 256, (count, 28, 28)))
        files[f"{name}-labels-idx1-ubyte"] = idx(np.arange(count) % 10)
    return files


def write_mnist(folder: Path, files: dict[str, bytes], packed: bool = False) -> Path:
    """Write the files as torchvision lays them out; returns `folder`."""
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        if packed:
            (raw / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (raw / name).write_bytes(content)
    return folder


def sha256(content: bytes) -> str:
    """The checksum in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def publish_mnist(files: dict[str, bytes]) -> tuple[dict[str, bytes], tuple]:
    """What a mirror serves for these files, and the table of checksums that belongs to it."""
    served = {f"{name}.gz": gzip.compress(content, mtime=0) for name, content in files.items()}
    order = [name for name, _, _ in mnist.FILES]
    table = tuple((name, sha256(served[f"{name}.gz"]), sha256(files[name])) for name in order)
    return served, table


def cifar_pickles(per_class: int = 2, seed: int = 0) -> dict[str, bytes]:
    """Name -> content of the six pickles, each with `per_class` images of each class."""
    random = np.random.default_rng(seed)
    pickles = {}
    for name in (*cifar10.TRAIN_FILES, *cifar10.TEST_FILES):
        data = random.integers(0, 256, (10 * per_class, 3072), dtype=np.uint8)
        labels = random.permutation(np.repeat(np.arange(10), per_class)).tolist()
        pickles[name] = pickle.dumps({"data": data, "labels": labels}, protocol=4)
    return pickles


def approve(monkeypatch, pickles: dict[str, bytes], archive: bytes = b"") -> None:
    """Make the checksums those of these files."""
    for table in ("TRAIN_FILES", "TEST_FILES"):
        sums = {name: hashlib.md5(pickles[name]).hexdigest() for name in getattr(cifar10, table)}
        monkeypatch.setattr(cifar10, table, sums)
    monkeypatch.setattr(cifar10, "ARCHIVE_SHA256", sha256(archive))


def write_batches(folder: Path, pickles: dict[str, bytes]) -> Path:
    """Write cifar-10-batches-py; returns `folder`."""
    (folder / cifar10.BATCHES).mkdir(parents=True)
    for name, content in pickles.items():
        (folder / cifar10.BATCHES / name).write_bytes(content)
    return folder


def tar_of(files: dict[str, bytes], *members: tarfile.TarInfo) -> bytes:
    """A gzipped tar archive of files, after other members."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for member in members:
            tar.addfile(member)
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def batches_archive(pickles: dict[str, bytes]) -> bytes:
    """cifar-10-python.tar.gz of these pickles."""
    return tar_of({f"{cifar10.BATCHES}/{name}": content for name, content in pickles.items()})


def picture(seed: int, size: tuple[int, int] = (32, 32), kind: str = "PNG") -> bytes:
    """An encoded image of random colors."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def pictures(num_train: int = 3, num_test: int = 1, kind: str = "PNG") -> dict[str, bytes]:
    """Path below cifar10/ -> content, for class folders."""
    ending = {"PNG": "png", "JPEG": "jpg"}[kind]
    return {
        f"{split}/{name}/{i:04}.{ending}": picture(1000 * label + 10 * i + len(split), kind=kind)
        for split, count in (("train", num_train), ("test", num_test))
        for label, name in enumerate(cifar10.CLASSES)
        for i in range(count)
    }


def write_files(folder: Path, files: dict[str, bytes]) -> Path:
    """Write files below a folder; returns it."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def all_files(folder: Path) -> set[str]:
    """The files below a folder, without locks."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".lock"
    }

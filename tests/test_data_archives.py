"""Archives and pickles from strangers: nothing outside the cache, nothing run, all or nothing."""

import errno
import io
import os
import pickle
import struct
import sys
import tarfile
import warnings

import numpy as np
import pytest
import torch

from d2lhelpers import data
from d2lhelpers.data import archives, cifar10

from . import data_files
from .data_files import own_cache  # noqa: F401  (a fixture for every test here)

URLS = cifar10.URLS  # before the fixture replaces them
GOOD = {"cifar10/a/one.txt": b"1", "cifar10/b/two.txt": b"22"}


def write(folder, content):
    folder.mkdir(exist_ok=True)
    (folder / "cifar10.tgz").write_bytes(content)
    return folder / "cifar10.tgz"


def member(name, kind=tarfile.REGTYPE, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


# ---- Archives ------------------------------------------------------------------------------------


def test_the_folder_within_becomes_the_target_once(tmp_path):
    archive = write(tmp_path / "in", data_files.tar_of({**GOOD, "other/three.txt": b"3"}))
    target = tmp_path / "out" / "there" / "folder"
    assert archives.extract(archive, "cifar10", target, progress=False) == target
    assert data_files.all_files(tmp_path / "out") == {
        "there/folder/a/one.txt", "there/folder/b/two.txt",
    }  # fmt: skip
    archive.unlink()
    assert archives.extract(archive, "cifar10", target, progress=False) == target


@pytest.mark.parametrize(
    "bad",
    [
        member("../evil"),
        member("cifar10/../../evil"),
        member("cifar10/../a/evil"),
        member("..\\evil"),
        member("/evil"),
        member("C:/evil"),
        member("\\\\host\\share\\evil"),
        member("cifar10/link", tarfile.SYMTYPE, "/etc/passwd"),
        member("cifar10/link", tarfile.SYMTYPE, "a/one.txt"),
        member("cifar10/link", tarfile.SYMTYPE, "../.."),
        member("cifar10/link", tarfile.LNKTYPE, "cifar10/a/one.txt"),
        member("cifar10/pipe", tarfile.FIFOTYPE),
        member("cifar10/device", tarfile.CHRTYPE),
    ],
    ids=lambda bad: f"{bad.name} {bad.linkname}",
)
def test_a_name_that_leads_out_and_anything_but_files_is_refused(tmp_path, bad):
    archive = write(tmp_path / "in", data_files.tar_of(GOOD, bad))
    with pytest.raises(data.DamagedDataError, match="cifar10.tgz was refused") as caught:
        archives.extract(archive, "cifar10", tmp_path / "out" / "cifar10", progress=False)
    assert "no whole tar archive" not in str(caught.value)
    assert data_files.all_files(tmp_path) == {"in/cifar10.tgz"}
    assert list((tmp_path / "out").iterdir()) == []
    with pytest.raises(data.DamagedDataError, match="cifar10.tgz was refused"):
        data.load_cifar10(tmp_path / "in", progress=False)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no archive at all",
        data_files.tar_of(GOOD)[:-30],
        data_files.tar_of(GOOD)[:60] + b"\0" * 10 + data_files.tar_of(GOOD)[70:],
        data_files.tar_of({"elsewhere/one.txt": b"1"}),
    ],
    ids=["empty", "text", "cut off", "damaged", "another folder"],
)
def test_an_archive_that_is_not_whole_leaves_nothing(tmp_path, content):
    archive = write(tmp_path / "in", content)
    with pytest.raises(data.DamagedDataError, match="cifar10.tgz"):
        archives.extract(archive, "cifar10", tmp_path / "out" / "cifar10", progress=False)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    "header",
    [
        {"mtime": "nan"},
        {"mtime": "inf"},
        {"mtime": "1e300"},
        {"GNU.sparse.map": "a,b"},
        {"GNU.sparse.size": "ten"},
    ],
    ids=str,
)
def test_a_header_without_sense_is_an_error_that_names_the_archive(tmp_path, header):
    bad = member("cifar10/a/file")
    bad.pax_headers = header
    archive = write(tmp_path / "in", data_files.tar_of(GOOD, bad))
    with pytest.raises(data.DamagedDataError, match="cifar10.tgz is no whole tar archive"):
        archives.extract(archive, "cifar10", tmp_path / "out" / "cifar10", progress=False)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(("limit", "most"), [("MOST_BYTES", 2), ("MOST_MEMBERS", 1)])
def test_an_archive_that_swells_is_refused(tmp_path, monkeypatch, limit, most):
    archive = write(tmp_path / "in", data_files.tar_of(GOOD))
    monkeypatch.setattr(archives, limit, most)
    with pytest.raises(data.DamagedDataError, match="too much"):
        archives.extract(archive, "cifar10", tmp_path / "out" / "cifar10", progress=False)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_full_disk_leaves_nothing_half(tmp_path, monkeypatch):
    archive = write(tmp_path / "in", data_files.tar_of(GOOD))
    done = []

    def full(source, target, *args, **options):
        if done:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        done.append(target)

    with monkeypatch.context() as patch:
        patch.setattr(tarfile, "copyfileobj", full)
        with pytest.raises(OSError, match="No space left"):
            archives.extract(archive, "cifar10", tmp_path / "out" / "cifar10", progress=False)
    assert done and list((tmp_path / "out").iterdir()) == []
    archives.extract(archive, "cifar10", tmp_path / "out" / "cifar10", progress=False)


def test_another_process_may_be_faster(tmp_path, monkeypatch):
    archive = write(tmp_path / "in", data_files.tar_of(GOOD))
    target = tmp_path / "out" / "cifar10"
    original = os.rename

    def late(source, to):
        data_files.write_files(target, {"theirs.txt": b"x"})
        original(source, to)

    monkeypatch.setattr(os, "rename", late)
    assert archives.extract(archive, "cifar10", target, progress=False) == target
    assert data_files.all_files(tmp_path / "out") == {"cifar10/theirs.txt"}


# ---- Pickles -------------------------------------------------------------------------------------


class Trace:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def load(folder, **options):
    return data.load_cifar10(
        folder, **{"validation": 10, "download": False, "progress": False, **options}
    )


def test_the_published_pickles_are_read(tmp_path, monkeypatch):
    pickles = data_files.cifar_pickles(per_class=2)
    data_files.approve(monkeypatch, pickles)
    found = load(data_files.write_batches(tmp_path, pickles), validation=0)
    assert found.name == "CIFAR-10" and found.shape == (3, 32, 32)
    entries = [pickle.loads(pickles[name]) for name in cifar10.TRAIN_FILES]
    expected = np.concatenate([entry["data"] for entry in entries]).reshape(-1, 3, 32, 32)
    assert np.array_equal(found.train.images, expected)
    assert found.train.labels.tolist() == sum((entry["labels"] for entry in entries), [])
    assert len(found.test) == 20


@pytest.mark.parametrize("name", ["data_batch_3", "test_batch"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_pickle_with_another_checksum_is_never_unpickled(tmp_path, monkeypatch, name, packed):
    pickles = data_files.cifar_pickles()
    data_files.approve(monkeypatch, pickles)
    trace = tmp_path / "trace"
    evil = pickle.dumps({"data": Trace(trace), "labels": []})
    pickles[name] = evil
    if packed:
        content = data_files.batches_archive(pickles)
        (tmp_path / cifar10.ARCHIVE).write_bytes(content)
        with pytest.raises(data.DamagedDataError, match="SHA-256 differs"):
            load(tmp_path)
        # Even where the archive is the right one.
        monkeypatch.setattr(cifar10, "ARCHIVE_SHA256", data_files.sha256(content))
    else:
        data_files.write_batches(tmp_path, pickles)
    with pytest.raises(data.DamagedDataError, match=f"{name} .*not unpickled"):
        load(tmp_path)
    assert not trace.exists()
    pickle.loads(evil)  # the payload does leave a trace where it is run
    assert trace.exists()


@pytest.mark.parametrize("payload", [Trace, lambda path: print, lambda path: np.load])
def test_even_with_the_right_checksum_a_pickle_makes_arrays_only(tmp_path, monkeypatch, payload):
    pickles = data_files.cifar_pickles()
    pickles["test_batch"] = pickle.dumps({"data": payload(tmp_path / "trace"), "labels": []})
    data_files.approve(monkeypatch, pickles)
    with pytest.raises(data.DamagedDataError, match="test_batch is no pickle of arrays.*allowed"):
        load(data_files.write_batches(tmp_path, pickles))
    assert not (tmp_path / "trace").exists()


class PythonTwoPickler(pickle._Pickler):
    """Writes what Python 2 and NumPy 1 wrote in 2009: 8-bit strings, old names, align as 0."""

    dispatch = dict(pickle._Pickler.dispatch)

    def save_bytes(self, value):
        self.write(b"T" + struct.pack("<i", len(value)) + value)

    def save_str(self, value):
        self.save_bytes(value.encode("latin1"))

    def save_global(self, obj, name=None):
        module = "numpy.core.multiarray" if name == "_reconstruct" else obj.__module__
        self.write(f"c{module}\n{name or obj.__qualname__}\n".encode())

    def reducer_override(self, obj):
        if isinstance(obj, np.dtype):
            return np.dtype, ("u1", 0, 1), (3, "|", None, None, None, -1, -1, 0)
        return NotImplemented

    dispatch[bytes], dispatch[str] = save_bytes, save_str
    dispatch[type(np.ndarray)] = save_global


def test_pickles_of_python_2_are_read_without_a_warning(tmp_path, monkeypatch):
    pickles = data_files.cifar_pickles()
    for name, content in pickles.items():
        buffer = io.BytesIO()
        PythonTwoPickler(buffer, protocol=2).dump(pickle.loads(content))
        assert b"cnumpy.core.multiarray\n_reconstruct" in buffer.getvalue()
        pickles[name] = buffer.getvalue()
    plain = data_files.cifar_pickles()
    data_files.approve(monkeypatch, pickles)

    def warning_dtype(*args):  # as some versions of NumPy do
        warnings.warn("align should be a bool", np.exceptions.VisibleDeprecationWarning, 2)
        return np.dtype(*args)

    monkeypatch.setitem(cifar10._ArrayUnpickler.ALLOWED, ("numpy", "dtype"), warning_dtype)
    found = load(data_files.write_batches(tmp_path, pickles), validation=0)
    expected = pickle.loads(plain["test_batch"])
    assert np.array_equal(found.test.images.reshape(-1, 3072), expected["data"])


@pytest.mark.parametrize("module", ["numpy.core.multiarray", "numpy._core.multiarray"])
def test_arrays_are_made_without_the_deprecated_module(monkeypatch, module):
    monkeypatch.delitem(sys.modules, "numpy.core.multiarray", raising=False)
    reconstruct = cifar10._ArrayUnpickler(io.BytesIO()).find_class(module, "_reconstruct")
    assert isinstance(reconstruct(np.ndarray, (0,), b"b"), np.ndarray)
    assert "numpy.core.multiarray" not in sys.modules
    with pytest.raises(pickle.UnpicklingError, match="not allowed"):
        cifar10._ArrayUnpickler(io.BytesIO()).find_class(module, "scalar")


def test_an_incomplete_folder_of_pickles_says_what_it_lacks(tmp_path, monkeypatch):
    pickles = data_files.cifar_pickles()
    data_files.approve(monkeypatch, pickles)
    data_files.write_batches(tmp_path, pickles)
    (tmp_path / cifar10.BATCHES / "data_batch_4").unlink()
    with pytest.raises(data.DamagedDataError, match="incomplete: it lacks data_batch_4"):
        load(tmp_path)


def test_an_archive_of_pickles_is_extracted_once(tmp_path, cache, monkeypatch):
    pickles = data_files.cifar_pickles()
    content = data_files.batches_archive(pickles)
    data_files.approve(monkeypatch, pickles, content)
    (tmp_path / cifar10.ARCHIVE).write_bytes(content)
    first = load(tmp_path)
    assert data_files.all_files(cache) == {f"{cifar10.BATCHES}/{name}" for name in pickles}
    monkeypatch.setattr(cifar10, "extract", lambda *args: pytest.fail("extracted again"))
    assert torch.equal(load(tmp_path).train.images, first.train.images)
    assert first.source == str(tmp_path / cifar10.ARCHIVE)


def test_the_checksums_are_the_published_ones():
    from torchvision.datasets import CIFAR10

    assert dict(map(tuple, CIFAR10.train_list)) == cifar10.TRAIN_FILES
    assert dict(map(tuple, CIFAR10.test_list)) == cifar10.TEST_FILES
    assert len(URLS) > 1 and all(url.startswith("https://") for url in URLS)

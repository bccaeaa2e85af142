"""The loaders and their layouts: digits, MNIST, CIFAR-10; damaged, missing and wrong input."""

import gzip
import os
import struct
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sklearn import datasets

import d2lhelpers as d2l
from d2lhelpers import data
from d2lhelpers.data import cifar10, class_folders, digits, mnist
from d2lhelpers.data.dataset import take_last_of_each_class

from . import data_files
from .data_files import SHARED, needs_cifar10, needs_mnist, own_cache  # noqa: F401  (for every test)


def sizes(found):
    return len(found.train), len(found.validation), len(found.test)


def mnist_at(folder, **options):
    return data.load_mnist(folder, **{"validation": 10, "download": False, **options})


def cifar_at(folder, **options):
    return data.load_cifar10(
        folder, **{"validation": 10, "download": False, "progress": False, **options}
    )


# ---- What comes back -----------------------------------------------------------------------------


def test_the_result_says_what_it_is_and_shows_no_path(tmp_path):
    found = mnist_at(data_files.write_mnist(tmp_path, data_files.mnist_files(2000)))
    assert repr(found) == (
        "ImageDataset('MNIST', images 1×28×28 uint8, 10 classes, "
        "train=1,990, validation=10, test=10)"
    )
    assert repr(found.train) == "Split(1,990 images 1×28×28 uint8, labels int64)"
    assert found.source == str(tmp_path / "MNIST" / "raw")
    assert found.shape == (1, 28, 28) and found.classes == tuple("0123456789")


@pytest.mark.parametrize(
    ("images", "labels", "error"),
    [
        (torch.zeros(2, 1, 3, 3), torch.zeros(2, dtype=torch.int64), TypeError),
        (torch.zeros(2, 1, 3, 3, dtype=torch.uint8), torch.zeros(2), TypeError),
        (torch.zeros(2, 3, 3, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64), ValueError),
        (torch.zeros(2, 1, 3, 3, dtype=torch.uint8), torch.tensor([1]), ValueError),
        ([[0]], torch.tensor([1]), TypeError),
    ],
)
def test_a_split_holds_images_and_as_many_labels(images, labels, error):
    with pytest.raises(error, match="Split"):
        data.Split(images, labels)


def test_channel_statistics_are_those_of_the_scaled_pixels():
    images = torch.randint(0, 256, (50, 3, 4, 5), dtype=torch.uint8)
    mean, std = data.Split(images, torch.zeros(50, dtype=torch.int64)).channel_statistics()
    scaled = images.double() / 255
    torch.testing.assert_close(torch.tensor(mean), scaled.mean((0, 2, 3)).float())
    torch.testing.assert_close(torch.tensor(std), scaled.std((0, 2, 3), correction=0).float())
    with pytest.raises(ValueError, match="empty"):
        data.Split(images[:0], torch.zeros(0, dtype=torch.int64)).channel_statistics()


@given(
    labels=st.lists(st.integers(0, 4), min_size=1, max_size=60),
    share=st.floats(0, 0.99),
)
def test_validation_is_taken_evenly_from_the_end_of_each_class(labels, share):
    labels = torch.tensor(labels)
    images = torch.arange(len(labels), dtype=torch.uint8).reshape(-1, 1, 1, 1)
    count = int(share * len(labels))
    rest, taken = take_last_of_each_class(images, labels, count)
    assert len(taken) == count
    for split in (rest, taken):
        positions = split.images.flatten().long()
        assert torch.equal(labels[positions], split.labels)
        assert bool((positions.diff() > 0).all())  # in the order they had
    everything = torch.cat([rest.images, taken.images]).flatten().sort().values
    assert torch.equal(everything, images.flatten())
    counts = torch.bincount(taken.labels, minlength=5)
    left = torch.bincount(rest.labels, minlength=5)
    for label in range(5):
        # A class may have fewer than another only where it is used up.
        assert left[label] == 0 or counts[label] >= counts.max() - 1
        kept, gone = (s.images.flatten()[s.labels == label] for s in (rest, taken))
        assert not len(kept) or not len(gone) or int(kept.max()) < int(gone.min())


# ---- Digits --------------------------------------------------------------------------------------


def test_the_digits_are_those_of_scikit_learn_each_once():
    found = data.load_digits()
    assert sizes(found) == (1197, 300, 300) and found.shape == (1, 8, 8)
    parts = (found.test, found.train, found.validation)
    images = torch.cat([part.images for part in parts]).reshape(-1, 64)
    labels = torch.cat([part.labels for part in parts])
    bunch = datasets.load_digits()
    # Each row is found once: by its place among all, sorted by pixels and label.
    found = np.column_stack([np.rint(images.numpy() * (16 / 255)), labels])
    expected = np.column_stack([bunch.data, bunch.target])
    assert np.array_equal(found[np.lexsort(found.T)], expected[np.lexsort(expected.T)])
    assert images.max() == 255 and images.min() == 0


def test_the_digits_split_never_changes():
    found = data.load_digits()
    assert data_files.sha256(found.test.images.numpy().tobytes()).startswith("3e8217d8b9f63f4d")
    assert found.train.labels[:12].tolist() == [2, 8, 2, 6, 6, 7, 1, 9, 8, 5, 2, 8]
    for part in (found.test, found.validation):
        assert torch.bincount(part.labels).tolist() == [30] * 10
    everything = data.load_digits(validation=0)
    assert sizes(everything) == (1497, 0, 300)
    assert torch.equal(everything.test.images, found.test.images)


def test_the_digits_come_without_the_file_too(monkeypatch):
    expected = data.load_digits()
    monkeypatch.setattr(digits.importlib.util, "find_spec", lambda name: None)
    assert torch.equal(data.load_digits().train.images, expected.train.images)


@pytest.mark.parametrize(
    ("validation", "error"), [(-1, ValueError), (1497, ValueError), (3.0, TypeError)]
)
def test_the_digits_refuse_a_validation_set_of_no_size(validation, error):
    with pytest.raises(error, match="load_digits: validation"):
        data.load_digits(validation=validation)


def test_loading_the_digits_imports_nothing_slow():
    code = "import d2lhelpers as d2l, sys; d2l.load_digits(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    slow = {"sklearn", "torchvision", "pandas", "matplotlib", "requests", "pooch", "PIL"}
    assert not slow & set(done.stdout.split())


# ---- MNIST ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True])
def test_mnist_is_read_plain_and_packed(tmp_path, packed):
    files = data_files.mnist_files()
    found = mnist_at(data_files.write_mnist(tmp_path, files, packed))
    assert sizes(found) == (30, 10, 10)
    pixels = np.frombuffer(files["train-images-idx3-ubyte"][16:], np.uint8).reshape(40, 1, 28, 28)
    assert np.array_equal(torch.cat([found.train.images, found.validation.images]), pixels)
    assert found.validation.labels.tolist() == list(range(10))
    pixels = np.frombuffer(files["t10k-images-idx3-ubyte"][16:], np.uint8).reshape(10, 1, 28, 28)
    assert np.array_equal(found.test.images, pixels)


def test_places_are_tried_in_order(tmp_path, cache, monkeypatch):
    for seed, folder in enumerate((tmp_path / "given", tmp_path / "named", cache)):
        data_files.write_mnist(folder, data_files.mnist_files(seed=seed))
    assert mnist_at(None).source == str(cache / "MNIST" / "raw")
    monkeypatch.setenv("D2L_DATA", str(tmp_path / "named"))
    assert mnist_at(None).source == str(tmp_path / "named" / "MNIST" / "raw")
    assert mnist_at(tmp_path / "given").source == str(tmp_path / "given" / "MNIST" / "raw")
    assert mnist_at(str(tmp_path)).source == str(tmp_path / "named" / "MNIST" / "raw")
    monkeypatch.setenv("D2L_DATA", str(tmp_path / "nowhere"))
    assert mnist_at(None).source == str(cache / "MNIST" / "raw")


@pytest.mark.parametrize("load", [mnist_at, cifar_at])
def test_an_empty_folder_is_an_error_that_names_all_that_was_tried(tmp_path, cache, load):
    (tmp_path / "empty").mkdir()
    with pytest.raises(data.DataNotFoundError) as caught:
        load(tmp_path / "empty")
    for part in (tmp_path / "empty", cache, "download=False", "D2L_DATA is not set"):
        assert str(part) in str(caught.value)


def damaged(name, change):
    files = data_files.mnist_files()
    files[name] = change(files[name])
    return files


IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (IMAGES, lambda b: b"", "ends within its header, after 0 bytes"),
        (IMAGES, lambda b: b[:9], "ends within its header"),
        (IMAGES, lambda b: b"\1" + b[1:], "begins with 01 00 08 03, wanted 00 00 08 03"),
        (IMAGES, lambda b: b[:2] + b"\x0d" + b[3:], "no IDX file of bytes"),
        (IMAGES, lambda b: b[:3] + b"\x01" + b[4:], "in 3 dimensions"),
        (IMAGES, lambda b: b[:-1], "promises 31,360 bytes"),
        (IMAGES, lambda b: b + b"\0", "promises 31,360 bytes"),
        (IMAGES, lambda b: b[:4] + b"\xff" * 12 + b[16:], "promises"),
        (IMAGES, lambda b: b[:4] + struct.pack(">3I", 0, 28, 28), "0 images"),
        (IMAGES, lambda b: b[:4] + struct.pack(">3I", 40, 14, 56) + b[16:], "no MNIST"),
        (LABELS, lambda b: b[:7] + b"\x05" + b[8:13], "40 images, .* 5 labels"),
        (LABELS, lambda b: b[:-1] + b"\x0a", "labels up to 10"),
    ],
)
def test_a_file_that_is_no_mnist_is_named_with_what_is_wrong(tmp_path, name, change, message):
    data_files.write_mnist(tmp_path, damaged(name, change))
    with pytest.raises(data.DamagedDataError, match=message) as caught:
        mnist_at(tmp_path, fallback="digits")
    assert name in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        lambda packed: packed[:-20],
        lambda packed: b"plain" + packed,
        lambda packed: packed[:40] + b"\0" * 40 + packed[80:],
        lambda packed: gzip.compress(gzip.decompress(packed)[:-1]),
        lambda packed: gzip.compress(gzip.decompress(packed) + b"\0"),
        lambda packed: gzip.compress(b"\0\0\x08\x03" + b"\xff" * 12),
    ],
)
def test_a_damaged_gzip_file_is_named(tmp_path, change):
    data_files.write_mnist(tmp_path, data_files.mnist_files(), packed=True)
    path = tmp_path / "MNIST" / "raw" / f"{IMAGES}.gz"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(data.DamagedDataError, match=f"{IMAGES}.gz"):
        mnist_at(tmp_path)


def test_an_incomplete_folder_says_what_it_lacks(tmp_path, monkeypatch):
    data_files.write_mnist(tmp_path, data_files.mnist_files())
    (tmp_path / "MNIST" / "raw" / LABELS).unlink()
    monkeypatch.setenv("D2L_DATA", str(tmp_path))
    with pytest.raises(data.DamagedDataError, match=f"incomplete: it lacks {LABELS}"):
        mnist_at(None)


@pytest.mark.parametrize("load", [data.load_mnist, data.load_cifar10])
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"folder": 3}, TypeError, "folder must be a path, got int"),
        ({"folder": "no such folder"}, NotADirectoryError, "no such folder"),
        ({"validation": "10"}, TypeError, "validation must be an int, got str"),
        ({"validation": True}, TypeError, "validation must be an int, got bool"),
        ({"validation": -1}, ValueError, "validation must be at least 0, got -1"),
        ({"download": 1}, TypeError, "download must be a bool"),
        ({"progress": None}, TypeError, "progress must be a bool"),
        ({"fallback": "cifar"}, ValueError, "None or 'digits', got 'cifar'"),
    ],
)
def test_wrong_arguments_are_named(load, options, error, message):
    with pytest.raises(error, match=message) as caught:
        load(**options)
    assert str(caught.value).startswith(load.__name__)


def test_validation_must_leave_something_to_train_on(tmp_path):
    data_files.write_mnist(tmp_path, data_files.mnist_files())
    assert sizes(mnist_at(tmp_path, validation=0)) == (40, 0, 10)
    assert sizes(mnist_at(tmp_path, validation=39)) == (1, 39, 10)
    with pytest.raises(ValueError, match="validation must be 0 to 39, got 40"):
        mnist_at(tmp_path, validation=40)


def test_the_fallback_says_so(capsys):
    found = mnist_at(None, fallback="digits")
    assert found.name == "digits" and "load_mnist: MNIST was not found" in found.source
    shown = capsys.readouterr()
    assert "load_mnist" in shown.err and "digits" in shown.err and not shown.out
    assert cifar_at(None, fallback="digits").name == "digits"


@needs_mnist
def test_the_real_mnist(monkeypatch):
    from torchvision.datasets import MNIST

    monkeypatch.setenv("D2L_DATA", str(SHARED))
    found = d2l.load_mnist(download=False)
    assert sizes(found) == (50_000, 10_000, 10_000)
    reference = MNIST(str(SHARED))
    images = torch.cat([found.train.images, found.validation.images])
    assert torch.equal(images[:, 0], reference.data)
    assert torch.equal(found.validation.labels, reference.targets[50_000:])
    mean, std = data.load_mnist(validation=0).train.channel_statistics()
    assert (round(mean[0], 4), round(std[0], 4)) == (0.1307, 0.3081)  # as published everywhere
    for name, _, plain_sum in mnist.FILES:
        assert mnist.has_checksum(SHARED / "MNIST" / "raw" / name, plain_sum)


# ---- CIFAR-10 as class folders -------------------------------------------------------------------


def test_class_folders_are_read_one_of_each_class_after_the_other(tmp_path):
    files = data_files.pictures(num_train=3)
    data_files.write_files(tmp_path / "cifar10", files)
    (tmp_path / "cifar10" / "train" / "cat" / ".hidden.png").write_bytes(b"")
    (tmp_path / "cifar10" / "train" / "cat" / "notes.txt").write_bytes(b"")
    found = cifar_at(tmp_path)
    assert found.name == "CIFAR-10 (PNG)" and sizes(found) == (20, 10, 10)
    assert found.train.labels.tolist() == list(range(10)) * 2
    assert found.validation.labels.tolist() == list(range(10))
    for split, first in ((found.train, 0), (found.validation, 2)):
        for position, image in enumerate(split.images):
            rank, label = first + position // 10, position % 10
            path = tmp_path / "cifar10" / "train" / cifar10.CLASSES[label] / f"{rank:04}.png"
            assert np.array_equal(image.permute(1, 2, 0), np.asarray(Image.open(path)))


def count_decoded(monkeypatch):
    """A list that grows by one each time images are decoded."""
    calls = []
    original = class_folders.decode_images
    monkeypatch.setattr(cifar10, "decode_images", lambda *args: calls.append(1) or original(*args))
    return calls


@pytest.mark.parametrize("archive", [False, True])
def test_images_are_decoded_once_and_anew_when_they_change(tmp_path, cache, monkeypatch, archive):
    def write(kind):
        files = data_files.pictures(kind=kind)
        if archive:
            content = data_files.tar_of({f"cifar10/{name}": c for name, c in files.items()})
            (tmp_path / "here" / "cifar10.tgz").write_bytes(content)
        else:
            data_files.write_files(tmp_path / "here" / "cifar10", files)

    (tmp_path / "here").mkdir()
    write("JPEG")
    calls = count_decoded(monkeypatch)
    first, second = cifar_at(tmp_path / "here"), cifar_at(tmp_path / "here")
    assert calls == [1] and first.name == "CIFAR-10 (JPEG)"
    assert torch.equal(first.train.images, second.train.images)
    (kept,) = (cache / "decoded").iterdir()
    kept.write_bytes(kept.read_bytes()[:-500])
    third = cifar_at(tmp_path / "here")
    assert len(calls) == 2 and torch.equal(first.test.images, third.test.images)
    write("PNG")
    assert cifar_at(tmp_path / "here").name.startswith("CIFAR-10 (") and len(calls) == 3
    assert len(list((cache / "decoded").iterdir())) == 1


def test_a_file_that_was_kept_by_a_stranger_is_not_believed(tmp_path, cache, monkeypatch):
    data_files.write_files(tmp_path / "cifar10", data_files.pictures())
    calls = count_decoded(monkeypatch)
    first = cifar_at(tmp_path)
    (kept,) = (cache / "decoded").iterdir()
    good = torch.load(kept)
    others = [
        {"fingerprint": "x"},
        [1, 2],
        {"train_images": torch.ones(1)},
        {**good, "fingerprint": "x"},
        {**good, "sha256": "x"},
        {**good, "train_images": good["train_images"] ^ 1},
        {**good, "kind": "JPEG"},
        *({name: good[name] for name in good if name != lacking} for lacking in good),
    ]
    for other in others:
        torch.save(other, kept)
        again = cifar_at(tmp_path)
        assert torch.equal(again.train.images, first.train.images) and again.name == first.name
    assert len(calls) == 1 + len(others)
    torch.save(good, kept)
    cifar_at(tmp_path)
    assert len(calls) == 1 + len(others)


@pytest.mark.parametrize(
    "change",
    [
        lambda good: {"train_images": good["train_images"].short()},
        lambda good: {"test_labels": good["test_labels"].int()},
        lambda good: {"train_images": good["train_images"].reshape(-1, 3, 16, 64)},
        lambda good: {"train_images": good["train_images"][1:]},
        lambda good: {"test_labels": good["test_labels"][:, None]},
        lambda good: {"kind": None},
    ],
)
def test_a_file_of_other_dtypes_and_shapes_is_not_believed(tmp_path, cache, monkeypatch, change):
    data_files.write_files(tmp_path / "cifar10", data_files.pictures())
    calls = count_decoded(monkeypatch)
    first = cifar_at(tmp_path)
    (kept,) = (cache / "decoded").iterdir()
    good = torch.load(kept)
    other = {**good, **change(good)}
    if other["kind"]:
        other["sha256"] = class_folders.checksum_of(other)  # as somebody who knows it would
    torch.save(other, kept)
    assert torch.equal(cifar_at(tmp_path).train.images, first.train.images)
    assert len(calls) == 2


@pytest.mark.parametrize("name", ["train_images", "test_labels", "text", "empty"])
def test_one_changed_bit_and_a_file_of_something_else_are_noticed(
    tmp_path, cache, monkeypatch, name
):
    data_files.write_files(tmp_path / "cifar10", data_files.pictures())
    calls = count_decoded(monkeypatch)
    first = cifar_at(tmp_path)
    (kept,) = (cache / "decoded").iterdir()
    if name in ("text", "empty"):
        kept.write_bytes(b"hello" if name == "text" else b"")
    else:
        content = bytearray(kept.read_bytes())
        content[content.index(torch.load(kept)[name].numpy().tobytes()) + 8] ^= 1
        kept.write_bytes(content)
    again = cifar_at(tmp_path)
    assert len(calls) == 2
    for split in ("train", "validation", "test"):
        assert torch.equal(getattr(again, split).images, getattr(first, split).images)
        assert torch.equal(getattr(again, split).labels, getattr(first, split).labels)
    cifar_at(tmp_path)
    assert len(calls) == 2  # what was decoded anew is kept


def test_no_damage_of_the_file_crashes_the_loader_or_changes_the_images(tmp_path):
    decoded = {"kind": "PNG"}
    for split, count in (("train", 3), ("test", 2)):
        decoded[f"{split}_images"] = torch.randint(0, 256, (count, 3, 2, 2), dtype=torch.uint8)
        decoded[f"{split}_labels"] = torch.arange(count)
    read = partial(class_folders.decoded_once, tmp_path, tmp_path / "source", "x", (3, 2, 2))
    read(lambda place: decoded)
    (path,) = (tmp_path / "decoded").iterdir()
    content = path.read_bytes()
    random = np.random.default_rng(0)
    refused = 0
    for _ in range(400):
        damaged = np.frombuffer(content, np.uint8).copy()
        places = random.integers(0, len(damaged), random.integers(1, 6))
        damaged[places] = random.integers(0, 256, len(places))
        path.write_bytes(damaged.tobytes())
        found = class_folders._load(path, "x", (3, 2, 2))
        refused += found is None
        if found is not None:  # only padding and the like was hit
            assert found["kind"] == "PNG"
            for name in class_folders.TENSORS:
                assert torch.equal(found[name], decoded[name])
    assert refused > 100


def test_the_images_of_an_archive_are_not_kept_as_files(tmp_path, cache):
    files = {f"cifar10/{name}": content for name, content in data_files.pictures().items()}
    archive = tmp_path / "cifar10.tgz"
    archive.write_bytes(data_files.tar_of(files))
    left = cache / f"cifar10-{class_folders.fingerprint_of([archive])[:16]}" / "cifar10"
    left.mkdir(parents=True)  # by a process that was killed: not complete
    found = cifar_at(tmp_path)
    assert sizes(found) == (20, 10, 10)
    (kept,) = (cache / "decoded").iterdir()
    assert data_files.all_files(cache) == {f"decoded/{kept.name}"} and not left.parent.exists()
    del files["cifar10/train/cat/0000.png"]
    files["cifar10/train/cat/0001.png"] = b"no image"
    archive.write_bytes(data_files.tar_of(files))
    with pytest.raises(data.DamagedDataError, match="0001.png cannot be decoded"):
        cifar_at(tmp_path)
    assert data_files.all_files(cache) == {f"decoded/{kept.name}"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda top: os.rename(top / "train/cat", top / "train/kitten"),
         "missing: cat; unknown: kitten"),
        (lambda top: [path.unlink() for path in top.glob("test/*/*")], "holds no JPEG or PNG"),
        (lambda top: (top / "train/dog/0001.png").write_bytes(b"no image"), "0001.png cannot be"),
        (lambda top: (top / "train/dog/0001.png").write_bytes(data_files.picture(1)[:-300]),
         "0001.png cannot be"),
        (lambda top: (top / "train/dog/0001.png").write_bytes(data_files.picture(1, (31, 32))),
         "31×32, wanted 32×32"),
        (lambda top: (top / "train/dog/0001.png").write_bytes(data_files.picture(1, kind="GIF")),
         "0001.png cannot be"),
    ],
)  # fmt: skip
def test_class_folders_that_are_no_cifar10_are_named(tmp_path, cache, change, message):
    top = data_files.write_files(tmp_path / "cifar10", data_files.pictures())
    change(top)
    with pytest.raises(data.DamagedDataError, match=message):
        cifar_at(tmp_path)
    assert not data_files.all_files(cache)


@needs_cifar10
def test_images_of_the_real_cifar10(tmp_path):
    import tarfile

    with tarfile.open(SHARED / "cifar10.tgz") as tar:  # its beginning: all would take long
        members = [m for m in (tar.next() for _ in range(40)) if m.isreg()]
        for member in members:
            tar.extract(member, tmp_path, filter="data")
    paths = sorted(tmp_path.rglob("*.jpg"))
    decoded = class_folders.decode_images(
        {"train": [(path, 0) for path in paths], "test": []}, (3, 32, 32), progress=False
    )
    assert decoded["kind"] == "JPEG" and len(decoded["train_images"]) == len(members) > 30
    assert 60 < decoded["train_images"].float().mean() < 200


@needs_cifar10
@pytest.mark.slow
def test_the_whole_real_cifar10(monkeypatch):
    monkeypatch.setenv("D2L_DATA", str(SHARED))
    found = d2l.load_cifar10(download=False, progress=False)
    assert sizes(found) == (45_000, 5_000, 10_000) and found.name == "CIFAR-10 (JPEG)"
    for split, each in ((found.train, 4500), (found.validation, 500), (found.test, 1000)):
        assert torch.bincount(split.labels).tolist() == [each] * 10
    mean, _ = found.train.channel_statistics()
    torch.testing.assert_close(
        torch.tensor(mean), torch.tensor([0.4914, 0.4822, 0.4465]), atol=1e-3, rtol=0
    )
